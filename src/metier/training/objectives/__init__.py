"""Functions from a model and a batch to a loss."""

from metier.training.objectives.composition import compose, objective_of
from metier.training.objectives.cross_entropy import cross_entropy
from metier.training.objectives.objective import Objective

__all__ = ["Objective", "compose", "cross_entropy", "objective_of"]
