"""Public corpora over the network: resumable, verified, complete or not there at all."""
