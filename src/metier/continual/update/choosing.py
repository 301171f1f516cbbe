"""Which method learns the new rows: the best of those that are possible, on rows that none of them has learned."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from metier.continual.update.material import Material, logits_of
from metier.continual.update.methods.method import Lesson
from metier.continual.update.methods.table import BOUNDS, METHODS
from metier.errors import CallError, UnknownNameError
from metier.evaluation.calibration import fit_temperature
from metier.progress import Listener, Progress

AUTO, REFIT = "auto", "refit.v1"


@dataclass(frozen=True)
class Chosen:
    """The choice.

    Parameters
    ----------
    name : str
    temperatures : dict of str to float
        What the logits of each method that was tried are divided by.
    accuracies : dict of str to float
        The mean of the accuracies on old and new validation rows, of each method that was tried.
    """

    name: str
    temperatures: dict[str, float] = field(default_factory=dict)
    accuracies: dict[str, float] = field(default_factory=dict)


def full_name(name: str) -> str:
    """Give a method's name with its version; raises `UnknownNameError` where there is none."""
    if name in (AUTO, REFIT, *METHODS):
        return name
    found = [one for one in (REFIT, *METHODS) if one.rpartition(".v")[0] == name]
    if not found:
        raise UnknownNameError("update method", name, known=[AUTO, REFIT, *METHODS])
    return found[-1]


def possible(material: Material, asked: str = AUTO) -> list[str]:
    """Give the methods that lack nothing; of one that is asked for: it, the bounds, and what later updates go on with."""
    wanted = METHODS if asked == AUTO else (asked, "streaming_lda.v1", *BOUNDS)
    return [name for name in METHODS if name in wanted and material.lacks(name) is None]


def choose(
    asked: str, trial: Material, held: Sequence[Lesson], *, kept: str | None, listener: Listener
) -> Chosen:
    """Choose a method.

    Parameters
    ----------
    asked : str
        `auto`, or the name of a method; `refit.v1` has none on vectors.
    trial : Material
        What methods learn for the choice alone: nothing that is held out.
    held : sequence of Lesson
        Old and new validation rows; without old ones nothing is chosen, as forgetting could not be seen.
    kept : str or None
        The method of the last update.

    Raises
    ------
    CallError
        If the method that was asked for lacks something, or nothing is possible.
    """
    if asked not in (AUTO, REFIT) and (lack := trial.lacks(asked)) is not None:
        raise CallError(f"{asked} lacks something here: {lack}.")
    names = possible(trial, asked)
    if not names:
        raise CallError("No method can learn here, as nothing is known of the old rows. Give them with --old.")
    if not all(len(rows) for rows in held):
        fallback = kept if kept in names else names[0]
        return Chosen(fallback if asked == AUTO else asked)
    accuracies, temperatures = dict[str, float](), dict[str, float]()
    for place, name in enumerate(names):
        listener(Progress("comparing methods", place, len(names)))
        method = trial.taught(name)
        logits = [logits_of(method, rows.features) for rows in held]
        found = [float((one.argmax(axis=1) == rows.y).mean()) for one, rows in zip(logits, held, strict=True)]
        accuracies[name] = float(np.mean(found))
        truth: Any = np.concatenate([rows.y for rows in held])
        temperatures[name] = fit_temperature(np.maximum(np.vstack(logits), -1e6), truth)
    eligible = [name for name in names if name not in BOUNDS] or names
    best = max(eligible, key=lambda name: accuracies[name])
    return Chosen(best if asked == AUTO else asked, temperatures, accuracies)
