"""Convert corpora to action files and record everything that is repaired or dropped."""
