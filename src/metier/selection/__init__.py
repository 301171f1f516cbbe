"""The race of candidates under a budget, and the recommendation that comes out."""

from metier.selection.api import Run, train
from metier.selection.recommendation import Recommendation

__all__ = ["Recommendation", "Run", "train"]
