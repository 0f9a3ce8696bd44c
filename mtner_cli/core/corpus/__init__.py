"""Read, write and check action files, the only corpus format on disk."""
