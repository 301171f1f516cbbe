"""The signals of a stream, one a file: arrays in, an alarm or none for each period out."""

from metier.monitoring.signals.detectors import DETECTORS, detector

__all__ = ["DETECTORS", "detector"]
