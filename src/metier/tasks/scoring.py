"""Old place of these names, until the last import of it is gone."""

from collections.abc import Sequence
from typing import Any

from metier.tasks.answers.score import check_numbers, check_spread
from metier.tasks.inputs.text_or_pair import TEXT_OR_PAIR
from metier.tasks.regression import METRICS, NAME
from metier.tasks.regression import Regression as Scoring

__all__ = ["METRICS", "NAME", "Scoring", "as_inputs", "check_numbers", "check_spread"]


def as_inputs(items: Sequence[Any]) -> list[Any]:
    """Old form of `TEXT_OR_PAIR.read`."""
    return list(TEXT_OR_PAIR.read(items)) if len(items) else []
