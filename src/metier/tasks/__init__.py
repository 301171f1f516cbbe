"""What is to be predicted: one file a task."""

from metier.tasks.classification import Classification

__all__ = ["Classification"]
