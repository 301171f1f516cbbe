"""Bundles by name and version, and roll-outs that are decided by evidence."""
