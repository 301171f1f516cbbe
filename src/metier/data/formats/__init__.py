"""One file format a file: from bytes to batches of rows."""
