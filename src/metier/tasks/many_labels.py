"""Old place of these names, until the last import of it is gone."""

from metier.tasks.answers.label_hierarchy import (
    clean,
    from_the_top,
    implied_parents,
    keep_consistent,
    parent_columns,
    raise_below,
)
from metier.tasks.multi_label import METRICS, NAME
from metier.tasks.multi_label import MultiLabel as ManyLabels

__all__ = [
    "METRICS",
    "NAME",
    "ManyLabels",
    "clean",
    "from_the_top",
    "implied_parents",
    "keep_consistent",
    "parent_columns",
    "raise_below",
]
