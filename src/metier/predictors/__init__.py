"""Predictors answer from files: thread-safe, in bounded memory, without torch."""

from metier.predictors.answers import Answers, Predictor
from metier.predictors.loading import load_predictor

__all__ = ["Answers", "Predictor", "load_predictor"]
