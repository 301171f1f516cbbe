"""Identity-term substitution: what becomes of the answers where another group is named in the user's own rows.

After Garg et al. [1]_ and Dixon et al. [2]_: each row that names one group of a kind is asked once for each group, and what
differs between these answers can come of the words alone. Two figures say how much: the share of rows whose answer turns
with some group (flips), and the largest difference between two groups in the mean probability of a label (gap). All
differences of a kind are told with one error budget, by the largest of them under a multiplier bootstrap [3]_.

References
----------
.. [1] Garg et al., "Counterfactual fairness in text classification through robustness", 2019, arXiv:1809.10610.
.. [2] Dixon et al., "Measuring and mitigating unintended bias in text classification", 2018, doi:10.1145/3278721.3278729.
.. [3] Chernozhukov, Chetverikov and Kato, "Gaussian approximations and multiplier bootstrap for maxima of sums of
   high-dimensional random vectors", 2013, arXiv:1212.6906.
"""

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import Any

import numpy as np
from scipy.stats import t

from metier.assurance.behaviour.asking import BATCH, is_spans, same_answer
from metier.assurance.behaviour.case import Case
from metier.assurance.behaviour.invariance import edited_key, text_of, with_text
from metier.bundles import Model
from metier.evaluation.figure import LEVEL, Figure
from metier.evaluation.intervals import Interval
from metier.progress import Listener, Progress, ignore
from metier.tasks.answer_batches import Answers, LabelSetAnswers
from metier.text.identity_terms import IdentityTerms, Substitution

MOST_ROWS = 500  # Of a kind, drawn: each is asked once a group.
FEWEST_ROWS = 5  # Of fewer no gap is told.
DRAWS = 1_000
__all__ = ["IdentityResult", "identity_results"]


@dataclass(frozen=True)
class GroupGap:
    """How far the answers to one group lie from the mean of all groups.

    Parameters
    ----------
    group : str
    rows : int
        Rows that named it as they stood.
    label : str or None
        Where it lies farthest; None: the answers are numbers.
    gap, low, high : float
        Mean difference of the probability of the label, or of the number, with simultaneous ends.
    """

    group: str
    rows: int
    label: str | None
    gap: float
    low: float
    high: float


@dataclass(frozen=True)
class IdentityResult:
    """What substitution found of one kind.

    Parameters
    ----------
    kind : str
    rows, left_out : int
        Rows that were asked, and rows that name no group of the kind or more than one.
    groups : tuple of GroupGap
        Empty where answers have no probabilities and are no numbers, or rows are too few.
    flips : Figure or None
        Share of rows whose answer turns with some group; None without a row.
    gap : Figure or None
        Largest difference between two groups.
    between : tuple of (str, str, str or None) or None
        The two groups and the label of that difference, the higher first.
    cases : tuple of Case
        For each row the group that turns its answer, or the row itself.
    """

    kind: str
    rows: int
    left_out: int
    groups: tuple[GroupGap, ...] = ()
    flips: Figure | None = None
    gap: Figure | None = None
    between: tuple[str, str, str | None] | None = None
    cases: tuple[Case, ...] = field(default=(), repr=False)

    def as_dict(self) -> Mapping[str, Any]:
        """Give it as plain values, for JSON."""
        return {
            "kind": self.kind,
            "rows": self.rows,
            "left_out": self.left_out,
            "groups": [vars(one) for one in self.groups],
            "flips": None if self.flips is None else self.flips.as_dict(),
            "gap": None if self.gap is None else self.gap.as_dict(),
            "between": self.between,
            "cases": [one.as_dict() for one in self.cases],
        }


@dataclass(frozen=True)
class Asked:
    """The answers to all rows with all groups.

    Parameters
    ----------
    predicted : list of list
        Of each row, the answer for each group.
    values : ndarray of shape (n_rows, n_groups, n_values) or None
        Probabilities of the labels, or one number.
    labels : tuple of str
        Empty for a number.
    """

    predicted: list[list[Any]]
    values: np.ndarray | None
    labels: tuple[str, ...]


def identity_results(
    model: Model,
    items: Sequence[Any],
    terms: Sequence[IdentityTerms],
    *,
    random_state: int = 0,
    listener: Listener = ignore,
) -> list[IdentityResult]:
    """Exchange the words of each kind in questions, and compare the answers.

    Parameters
    ----------
    items : sequence
        Questions as JSON has them: texts, or mappings.
    terms : sequence of IdentityTerms
        The kinds.

    Raises
    ------
    CallError
        If questions have no text that can be edited.
    """
    key = edited_key(model)
    texts = [text_of(item, key) for item in items]
    found = []
    for kind in terms:
        named = [(row, one) for row, text in enumerate(texts) if (one := kind.substituted(text)) is not None]
        if len(named) > MOST_ROWS:
            picked = np.sort(np.random.default_rng(random_state).permutation(len(named))[:MOST_ROWS])
            named = [named[int(place)] for place in picked]
        if not named:
            found.append(IdentityResult(kind.name, 0, len(texts)))
            continue
        asked = _ask(model, items, key, named, f"{model.name}: other groups of {kind.name}", listener)
        found.append(_result(kind, named, asked, len(texts), random_state))
    return found


def _ask(
    model: Model,
    items: Sequence[Any],
    key: str,
    named: Sequence[tuple[int, Substitution]],
    what: str,
    listener: Listener,
) -> Asked:
    asked = [with_text(items[row], key, text) for row, one in named for text in one.texts]
    predicted: list[Any] = []
    values: list[np.ndarray] = []
    labels: tuple[str, ...] = ()
    for start in range(0, len(asked), BATCH):
        listener(Progress(what, start, len(asked)))
        answers = model.predict(asked[start : start + BATCH])
        predicted += list(answers.predicted)
        if isinstance(answers, Answers | LabelSetAnswers):
            values.append(np.asarray(answers.probabilities, dtype=np.float64))
            labels = answers.labels
    listener(Progress(what, len(asked), len(asked)))
    width = len(named[0][1].texts)
    if not values and all(isinstance(one, int | float) and not isinstance(one, bool) for one in predicted):
        values = [np.array(predicted, dtype=np.float64)[:, None]]
    table = np.concatenate(values).reshape(len(named), width, -1) if values else None
    return Asked([predicted[start : start + width] for start in range(0, len(predicted), width)], table, labels)


def _result(
    kind: IdentityTerms,
    named: Sequence[tuple[int, Substitution]],
    asked: Asked,
    n_rows: int,
    random_state: int,
) -> IdentityResult:
    same = same_answer([row[one.group] for (_, one), row in zip(named, asked.predicted, strict=True)])
    cases = tuple(_case(one, row, same) for (_, one), row in zip(named, asked.predicted, strict=True))
    turned = sum(not case.passed for case in cases)
    flips = Figure.of_share(turned, len(cases), higher_is_better=False)
    result = IdentityResult(kind.name, len(cases), n_rows - len(cases), flips=flips, cases=cases)
    if asked.values is None or len(cases) < FEWEST_ROWS:
        return result
    origins = np.bincount([one.group for _, one in named], minlength=len(kind.groups))
    groups = _group_gaps(kind, asked, origins, random_state)
    gap, between = _largest(kind, asked, random_state)
    return IdentityResult(kind.name, len(cases), n_rows - len(cases), groups, flips, gap, between, cases)


def _case(one: Substitution, answers: Sequence[Any], same: Any) -> Case:
    """Give the first group that turns the answer, else the row as it stands."""
    own = answers[one.group]
    for group, answer in enumerate(answers):
        edits = one.edits[group]
        if is_spans(own) and any(edit.start < span[1] and span[0] < edit.end for span in own for edit in edits):
            continue  # A span that names the group is another span with another one.
        if group != one.group and not same(own, answer, edits):
            return Case(one.texts[one.group], one.texts[group], own, answer, passed=False)
    return Case(one.texts[one.group], one.texts[one.group], own, own, passed=True)


def _group_gaps(
    kind: IdentityTerms, asked: Asked, origins: np.ndarray, random_state: int
) -> tuple[GroupGap, ...]:
    """Tell for each group the value where its mean lies farthest from that of all groups."""
    values = asked.values
    assert values is not None
    moved = values - values.mean(axis=1, keepdims=True)
    n_values = values.shape[2]
    low, high = simultaneous(moved.reshape(len(values), -1), LEVEL, random_state)
    means = moved.mean(axis=0)
    low, high = low.reshape(means.shape), high.reshape(means.shape)
    found = []
    for group, name in enumerate(kind.groups):
        place = int(np.abs(means[group]).argmax()) if n_values > 1 else 0
        label = asked.labels[place] if asked.labels else None
        ends = (float(one[group, place]) for one in (means, low, high))
        found.append(GroupGap(name, int(origins[group]), label, *ends))
    return tuple(found)


def _largest(
    kind: IdentityTerms, asked: Asked, random_state: int
) -> tuple[Figure, tuple[str, str, str | None]]:
    """Give the largest difference between two groups, and which groups and label it is of."""
    values = asked.values
    assert values is not None
    pairs = list(combinations(range(len(kind.groups)), 2))
    differences = np.stack([values[:, one] - values[:, two] for one, two in pairs], axis=1)
    flat = differences.reshape(len(values), -1)
    means = flat.mean(axis=0)
    best = int(np.abs(means).argmax())
    pair, place = divmod(best, values.shape[2])
    one, two = pairs[pair] if means[best] >= 0 else pairs[pair][::-1]
    measured = functools.partial(_largest_at, flat, random_state)
    found = measured(LEVEL)
    figure = Figure(
        found.value,
        found.low,
        found.high,
        len(values),
        is_share=bool(asked.labels),
        higher_is_better=False,
        measured=measured,
    )
    return figure, (kind.groups[one], kind.groups[two], asked.labels[place] if asked.labels else None)


def _largest_at(differences: np.ndarray, random_state: int, level: float) -> Interval:
    """The largest difference is at least the largest lower end, and at most the largest upper end."""
    low, high = simultaneous(differences, level, random_state)
    nearest = np.maximum(np.maximum(low, -high), 0.0)
    farthest = np.maximum(np.abs(low), np.abs(high))
    value = float(np.abs(differences.mean(axis=0)).max())
    return Interval(value, float(nearest.max()), float(farthest.max()))


def simultaneous(rows: np.ndarray, level: float, random_state: int) -> tuple[np.ndarray, np.ndarray]:
    """Give ends within which all means lie together.

    Parameters
    ----------
    rows : ndarray of shape (n_rows, n_means)
    level : float
        Confidence level of all intervals together, 0 to 1.

    Returns
    -------
    tuple of ndarray of shape (n_means,)
    """
    n = len(rows)
    means = rows.mean(axis=0)
    centred = rows - means
    reach = max(1.0, float(np.abs(rows).max(initial=0.0))) if rows.size else 1.0
    # Half a row either way that was not seen, as where none of the rows differs.
    error = np.sqrt(centred.var(axis=0, ddof=1) / n + (min(reach, 1.0) / n) ** 2)
    signs = np.random.default_rng(random_state).standard_normal((DRAWS, n))
    largest = np.abs(signs @ centred / n / error).max(axis=1)
    of_one = float(t.ppf((1 + level) / 2, n - 1))
    # The normal draws have lighter tails than means of few rows.
    factor = max(of_one, float(np.quantile(largest, level)) * of_one / float(t.ppf((1 + level) / 2, 10_000)))
    return means - factor * error, means + factor * error
