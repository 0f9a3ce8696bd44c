"""Settings of an experiment: schema, loading and checks."""
