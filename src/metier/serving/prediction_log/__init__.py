"""What a service answered, by ids: stored, read by what learns from it, corrected by feedback, erased by subject."""

from metier.serving.prediction_log.erasing import erase_subject
from metier.serving.prediction_log.ids import is_prediction_id, new_prediction_ids, time_of
from metier.serving.prediction_log.prediction_log import PredictionLog
from metier.serving.prediction_log.records import Feedback, Prediction

__all__ = [
    "Feedback",
    "Prediction",
    "PredictionLog",
    "erase_subject",
    "is_prediction_id",
    "new_prediction_ids",
    "time_of",
]
