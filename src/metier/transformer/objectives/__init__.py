"""Functions from a model and a batch to a loss."""

from metier.transformer.objectives.composition import compose, objective_of
from metier.transformer.objectives.cross_entropy import cross_entropy
from metier.transformer.objectives.objective import Objective

__all__ = ["Objective", "compose", "cross_entropy", "objective_of"]
