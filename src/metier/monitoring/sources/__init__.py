"""Where messages come from: one protocol, one file each."""

from metier.monitoring.sources.building import AnySource, build_source, check_names
from metier.monitoring.sources.columns import Columns
from metier.monitoring.sources.source import Source

__all__ = ["AnySource", "Columns", "Source", "build_source", "check_names"]
