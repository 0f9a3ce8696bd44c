"""From the formats that corpora come in to action files, losing nothing unsaid."""
