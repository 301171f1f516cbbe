"""Old place of these names, until the last import of it is gone."""

from metier.tasks.text_pair import METRICS, NAME, find_match_label
from metier.tasks.text_pair import TextPair as Matching

__all__ = ["METRICS", "NAME", "Matching", "find_match_label"]
