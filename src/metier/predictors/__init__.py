"""Predictors answer from files: thread-safe, in bounded memory, without torch."""

from metier.predictors.loading import Predictor, load_predictor
from metier.tasks.answer_batches import Answers

__all__ = ["Answers", "Predictor", "load_predictor"]
