"""Annotate documents of any number: shards, a manifest to resume from, writers of formats."""
