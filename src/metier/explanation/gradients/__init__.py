"""Explanations by a pass backward through a sealed graph, or by the attention within it: with torch, of `metier[train]`."""

from metier.explanation.gradients.graph_explainer import GraphExplainer

__all__ = ["GraphExplainer"]
