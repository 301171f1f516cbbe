"""Old place of these names, until the last import of it is gone."""

from metier.tasks.answers.scored_spans import UNCALIBRATED, ScoredSpan, SpanCalibration, log_odds

__all__ = ["UNCALIBRATED", "ScoredSpan", "SpanCalibration", "log_odds"]
