"""The one on-disk corpus format, the action file: reading and writing it."""
