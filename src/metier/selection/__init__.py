"""The race of candidates under a budget, and the recommendation that comes out."""

from metier.selection.api import Run, learning_curve, train
from metier.selection.recommendation import Recommendation
from metier.selection.studies.learning_curve import LearningCurve

__all__ = ["LearningCurve", "Recommendation", "Run", "learning_curve", "train"]
