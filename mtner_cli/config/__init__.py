"""Configuration of an experiment: schema, loading and the list of known experiments."""
