"""Heads that train on an encoder, one a file, and the linear solutions they start from."""
