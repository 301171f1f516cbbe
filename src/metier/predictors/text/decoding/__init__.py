"""How an answer is found from the probabilities of a model that writes: greedily, by draws, by beams, within constraints."""

from metier.predictors.text.decoding.stepwise_model import Constraint, StepwiseModel
from metier.predictors.text.decoding.token_choice import DecodingSettings

__all__ = ["Constraint", "DecodingSettings", "StepwiseModel"]
