"""Where a queue stands: what was labelled, how well people agree, how right the model is, and whether to stop."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from scipy.special import betaincinv

from metier.continual.labelling.agreement import LabellerFacts, agreements, labellers
from metier.continual.queue.items import Item, Round, labels_of, same_answer
from metier.continual.queue.stopping import Advice, Change, advise, change_between
from metier.continual.queue.store import QueueStore
from metier.evaluation.agreement import Agreement


@dataclass(frozen=True)
class Measured:
    """The accuracy of a model on decided rows that were drawn by chance.

    Parameters
    ----------
    version : str
    value, low, high : float
        With the interval of Jeffreys at 95 %.
    n_rows : int
    """

    version: str
    value: float
    low: float
    high: float
    n_rows: int


@dataclass(frozen=True)
class QueueState:
    """Where a queue stands.

    Parameters
    ----------
    counts : dict of str to int
        Rows by state.
    labels : dict of str to int
        Decided rows of each label, those that have none included.
    people : list of LabellerFacts
    agreement : dict of str to Agreement
    accuracy : list of Measured
        Of each version that chose rows, the latest last.
    advice : Advice
    seconds : float
        That all answers took together.
    """

    counts: dict[str, int]
    labels: dict[str, int]
    people: list[LabellerFacts]
    agreement: dict[str, Agreement]
    accuracy: list[Measured]
    advice: Advice
    seconds: float

    @property
    def missing_labels(self) -> list[str]:
        """Labels of which no row was decided."""
        return [label for label, n in self.labels.items() if not n]

    def as_dict(self) -> dict[str, Any]:
        """Give it as plain values, for JSON; what cannot be told is null."""
        found = asdict(self) | {"missing_labels": self.missing_labels}
        plain: dict[str, Any] = _plain(found)
        return plain


def state_of(store: QueueStore, *, margin: float) -> QueueState:
    """Look at a queue.

    Parameters
    ----------
    margin : float
        A change of accuracy that is not worth another batch, 0 to 1.
    """
    items, said = store.items(), store.labels()
    decided = [one for one in items if one.state == "decided" and one.answer is not None]
    found = Counter(label for one in decided for label in labels_of(one.answer or {}))
    known = store.setting("labels", [])
    return QueueState(
        store.counts(),
        {label: found.get(label, 0) for label in dict.fromkeys([*known, *found])},
        labellers(items, said),
        agreements(items, said),
        measured(decided),
        advise(changes(store.rounds()), margin=margin),
        float(sum(one.seconds or 0 for one in said)),
    )


def measured(decided: Sequence[Item]) -> list[Measured]:
    """Give the accuracy of each version by the rows that were drawn by chance; no others count."""
    hits: dict[str, list[bool]] = defaultdict(list)
    for one in decided:
        if one.is_audit and one.version and one.suggestion is not None and one.answer is not None:
            hits[one.version].append(same_answer(_answer_alone(one.suggestion), one.answer))
    found = []
    for version, right in hits.items():
        n, n_right = len(right), sum(right)
        low, high = betaincinv(n_right + 0.5, n - n_right + 0.5, [0.025, 0.975])
        low, high = 0.0 if n_right == 0 else float(low), 1.0 if n_right == n else float(high)
        found.append(Measured(version, n_right / n, low, high, n))
    return found


def changes(rounds: Sequence[Round]) -> list[Change]:
    """Give how much each model changed against the one before; rounds of the same model say nothing."""
    found: list[Change] = []
    last: Round | None = None
    for one in rounds:
        if last is not None and last.version == one.version:
            continue
        if last is not None:
            both = [key for key in one.answers if key in last.answers]
            before, after = (np.array([each.answers[key] for key in both]) for each in (last, one))
            found.append(change_between(before, after, look=len(found) + 1))
        last = one
    return found


def _answer_alone(suggestion: Any) -> dict[str, Any]:
    return {key: suggestion[key] for key in ("label", "labels", "spans") if key in suggestion}


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    return None if isinstance(value, float) and not np.isfinite(value) else value
