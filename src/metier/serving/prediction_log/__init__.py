"""What a service answered, by ids: stored, read by what learns from it, corrected by feedback, erased by subject.

The store is imported on first use: a service that keeps nothing does without SQLAlchemy.
"""

from typing import TYPE_CHECKING

from metier import late_names
from metier.serving.prediction_log.ids import is_prediction_id, new_prediction_ids, time_of
from metier.serving.prediction_log.records import Feedback, Prediction

if TYPE_CHECKING:
    from metier.serving.prediction_log.erasing import erase_subject
    from metier.serving.prediction_log.prediction_log import PredictionLog

__all__ = [
    "Feedback",
    "Prediction",
    "PredictionLog",
    "erase_subject",
    "is_prediction_id",
    "new_prediction_ids",
    "time_of",
]

__getattr__ = late_names.found_late(__name__, {"PredictionLog": "prediction_log", "erase_subject": "erasing"})
