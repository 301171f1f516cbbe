"""Where messages come from: one protocol, one file each."""

from metier.monitoring.sources.source import Source

__all__ = ["Source"]
