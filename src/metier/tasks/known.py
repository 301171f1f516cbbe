"""The tasks by their names, and which methods race for each when nobody says otherwise.

A task is added with one file in this folder and one row here; its methods are rows of the catalogue.
"""

import importlib
from dataclasses import dataclass
from typing import Any

from metier.errors import UnknownNameError


@dataclass(frozen=True)
class Known:
    """A task of the table.

    Parameters
    ----------
    where : str
        Dotted path of its class.
    field : tuple of str
        The methods that race by default, cheap first.
    fusions : tuple of str
        What is made of them afterwards, on their validation answers.
    """

    where: str
    field: tuple[str, ...]
    fusions: tuple[str, ...] = ()


PROBABILITIES = ("average.v1", "cascade.v1")  # Fusions of whatever answers with probabilities of labels.
TASKS = {
    "classification": Known(
        "metier.tasks.classification:Classification",
        ("majority.v1", "tfidf_linear.v1", "static.v1", "frozen_linear.v1", "encoder.v1"),
        PROBABILITIES,
    ),
}


def load_task(name: str) -> Any:
    """Give the class of a task.

    Raises
    ------
    UnknownNameError
        If no task has that name.
    """
    module, _, attribute = known_task(name).where.partition(":")
    return getattr(importlib.import_module(module), attribute)


def known_task(name: str) -> Known:
    """Give the row of a task; raises `UnknownNameError` if no task has that name."""
    if name not in TASKS:
        raise UnknownNameError("task", name, known=TASKS)
    return TASKS[name]
