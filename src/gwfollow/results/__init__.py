"""Results: files that have been read."""
