"""Action-encoding codecs: how mentions become parser actions, on disk and for the model."""
