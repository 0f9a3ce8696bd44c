"""Run whole experiments: from a configuration to a trained, tested model in a run folder."""
