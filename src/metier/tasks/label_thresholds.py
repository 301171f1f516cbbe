"""Old place of these names, until the last import of it is gone."""

from metier.tasks.answers.label_thresholds import UNFITTED, tune_thresholds

__all__ = ["UNFITTED", "tune_thresholds"]
