"""Readers, one module per file format: from bytes to batches of rows."""
