"""A probe: how well a pretrained base does on some training rows, before anything is tuned.

Of what reads or sees: the cheapest method of the task that stands on it. Of what writes: the bits that it needs for each
character of the targets, behind their texts in the prompt that a tuning would begin with.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from metier import catalogue
from metier.bases.precision import trained_in
from metier.data.folding import folds_of
from metier.data.rows import Rows
from metier.data.splitting import groups_of
from metier.errors import MissingExtraError
from metier.selection.candidates import CandidateBuilder
from metier.selection.scores import Scores
from metier.tasks.method_contract import CostRank, Measurable, Method, SuitsSomeRows
from metier.tasks.task import Task
from metier.tasks.task_table import known_task

FOLDS = 3
# What is fine-tuned answers one fold, by two passes of the upper layers over the others.
TUNED = {"epochs": 2, "adaptation": "top:2"}


@dataclass(frozen=True)
class ProbeAnswers:
    """What a base answered to rows that its probe had not seen.

    Parameters
    ----------
    predicted : list
    ms_per_row : float
        Of one answer, of texts or images that were not embedded before.
    """

    predicted: list[Any]
    ms_per_row: float


class Probe(Protocol):
    """What bases of a kind are compared by.

    Attributes
    ----------
    name : str
        Of the probe.
    metric : str
    scores : Scores
        How its answers are judged.
    n_answered : int
        Rows that each base answers.
    """

    name: str
    metric: str
    scores: Scores
    n_answered: int

    def answer(self, base: str) -> ProbeAnswers:
        """Let a base answer; whatever is raised for a base that does not suit it comes through."""
        ...


class MethodProbe:
    """Fits the cheapest method that stands on a base of a kind, on folds of some rows.

    Parameters
    ----------
    builder : CandidateBuilder
    does : str
        What the base does: reads or sees.
    rows : Rows
        Training rows.

    """

    def __init__(self, builder: CandidateBuilder, does: str, rows: Rows):
        self._builder = builder
        self.name = probe_name(builder, does)
        self.metric = builder.decisions.task.primary_metric
        task, seed = builder.decisions.task, builder.settings.random_state
        self._items, self._targets = task.items(rows), task.targets(rows)
        self._folds = folds_of(rows, FOLDS, random_state=seed)[: 1 if self._is_tuned else FOLDS]
        self._held = np.concatenate([fold.held for fold in self._folds] or [np.empty(0, dtype=np.int64)])
        groups = groups_of(rows)
        self.scores = Scores(
            task,
            [self._targets[int(row)] for row in self._held],
            origin="The training rows",
            groups=None if groups is None else groups[self._held],
        )

        self.n_answered = len(self._held)

    def answer(self, base: str) -> ProbeAnswers:
        """Let a base answer the rows of the folds, each by a fit on the others."""
        predicted: list[Any] = []
        for fold in self._folds:
            predicted += list(self._fitted(base, fold.kept).predict(self._some(self._items, fold.held)))
        return ProbeAnswers(predicted, 1000 * self._seconds_per_answer(base))

    def _seconds_per_answer(self, base: str) -> float:
        method = self._method(base)
        if not isinstance(method, Measurable):
            return 0.0
        with trained_in(self._builder.decisions.precision):
            return float(method.measure(self._items, self._targets).seconds_per_answer)

    @property
    def _is_tuned(self) -> bool:
        return catalogue.capabilities(self.name).is_fine_tuned

    def _fitted(self, base: str, kept: np.ndarray) -> Method:
        method = self._method(base)
        with trained_in(self._builder.decisions.precision):
            method.fit(self._some(self._items, kept), self._some(self._targets, kept))
        return method

    def _method(self, base: str) -> Method:
        method = catalogue.resolve(self.name)
        accepted = method._get_param_names()
        given = self._builder.arguments(self.name) | {"base": base, "checkpoint_folder": None}
        if self._is_tuned:
            given |= TUNED
        built: Method = method(**{name: value for name, value in given.items() if name in accepted})
        return built

    def _some(self, values: Sequence[Any], positions: np.ndarray) -> list[Any]:
        return [values[int(position)] for position in positions]


class LikelihoodProbe:
    """Asks writers how likely the targets of some rows are to them; nothing is tuned.

    Parameters
    ----------
    task : Task
    rows : Rows
        Training rows.
    """

    name = "target_likelihood"
    metric = "bits_per_character"

    def __init__(self, task: Task, rows: Rows):
        self._items, self._targets = task.items(rows), task.targets(rows)
        self.scores = Scores(task, self._targets, origin="The training rows", groups=groups_of(rows))
        self.n_answered = len(self._targets)

    def answer(self, base: str) -> ProbeAnswers:
        """Give the bits for each character of the targets."""
        bits, seconds = catalogue.resolve_way(self.name)(base).bits(self._items, self._targets)
        return ProbeAnswers(list(bits), 1000 * seconds)


def probe_for(builder: CandidateBuilder, does: str, rows: Rows) -> Probe:
    """Give what bases are compared by: those that read or see by a method, those that write by the targets' likelihood."""
    if does == "writes":
        return LikelihoodProbe(builder.decisions.task, rows)
    return MethodProbe(builder, does, rows)


def probe_name(builder: CandidateBuilder, does: str) -> str:
    """Give the method that probes a kind of base: the last one that keeps the base frozen, else the first that tunes it.

    Of frozen methods the later ones of a task's list read whole texts; the first may take single words alone.
    """
    task = builder.decisions.task
    own = (*known_task(task.name).candidates_on(task.input.name), *builder.decisions.candidates)
    fitting = [name for name in dict.fromkeys(own) if _can_probe(name, does)]
    frozen = [name for name in fitting if catalogue.capabilities(name).cost == CostRank.FROZEN]
    return frozen[-1] if frozen else next(iter(fitting), "")


def _can_probe(name: str, does: str) -> bool:
    if catalogue.is_ensemble(name):
        return False
    try:
        stated, method = catalogue.capabilities(name), catalogue.resolve(name)
    except MissingExtraError:
        return False
    if not stated.needs_base or stated.base_does != does or stated.learns_from_unlabelled or stated.is_joint:
        return False
    return stated.cost <= CostRank.FINE_TUNED and not issubclass(method, SuitsSomeRows)
