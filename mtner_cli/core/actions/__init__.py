"""Convert mentions to parser actions and back, for action files and for the model."""
