"""Download public corpora: downloads are resumable, verified and never left incomplete."""
