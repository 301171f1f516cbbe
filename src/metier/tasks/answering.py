"""Old place of these names, until the last import of it is gone."""

from metier.tasks.extractive_qa import METRICS, NAME
from metier.tasks.extractive_qa import ExtractiveQa as Answering

__all__ = ["METRICS", "NAME", "Answering"]
