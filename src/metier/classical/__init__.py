"""The traditional methods: one a file, no pretrained weights."""

from metier.classical.baselines import Majority
from metier.classical.tfidf_linear import TfidfLinear

__all__ = ["Majority", "TfidfLinear"]
