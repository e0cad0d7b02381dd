"""Finding recordings by what was said, whatever way it was written."""
