"""How an answer is found from the probabilities of a model that writes: greedily, by draws, by beams, within limits."""

from metier.predictors.text.decoding.decoding_settings import DecodingSettings
from metier.predictors.text.decoding.search import Search
from metier.predictors.text.decoding.stepwise_model import Constraint, StepwiseModel

__all__ = ["Constraint", "DecodingSettings", "Search", "StepwiseModel"]
