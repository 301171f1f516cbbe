"""What the errors of models add to expected counts of labels when others surge, and counts of labels without them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import reduce

import numpy as np

from metier.monitoring.series import Series, kind_of
from metier.monitoring.signals.confused_counts import Confusion, corrected_counts, product_of, spilled
from metier.monitoring.signals.expected_counts import Expected

MOST_CELLS = 400  # Combinations of labels of several models.
LEAST_SPILLED = 0.01  # Messages.


@dataclass(frozen=True)
class CorrectedCount:
    """How many messages have a label, by what models take for what, with the 95 % interval."""

    value: float
    low: float
    high: float


class LabelErrors:
    """Corrects what is expected of series by label, and counts of them.

    Series of one kind that differ in the labels of models alone belong together: `{"company": "Acme", "topic": ...}`. Where
    several models are named, as topic and sentiment, the labels of all are combined, as if each erred by itself.

    Parameters
    ----------
    confusions : mapping of str to Confusion
        By the name of the bundle; those of bundles that are not here are not corrected.
    """

    def __init__(self, confusions: Mapping[str, Confusion]):
        self._confusions = dict(confusions)
        self._of_kinds: dict[tuple[str, ...], tuple[tuple[str, ...], Confusion | None]] = {}

    def correct(self, keys: Sequence[Series], counts: np.ndarray, expected: Expected) -> Expected:
        """Add to what is expected of each series what the errors about others bring.

        Parameters
        ----------
        keys : sequence of Series
            Those that are watched, in the order of the arrays.
        counts : ndarray of shape (n_series,)
            Of the present period.
        expected : Expected
        """
        if not self._confusions:
            return expected
        groups: dict[tuple[tuple[str, ...], Series], list[tuple[int, int]]] = {}
        for place, key in enumerate(keys):
            names, confusion = self._of_kind(kind_of(key))
            if confusion is None:
                continue
            label, rest = _parted(key, names)
            if label in confusion.labels:
                members = groups.setdefault((kind_of(key), rest), [])
                members.append((place, confusion.labels.index(label)))
        mean, variance = expected.mean.copy(), expected.dispersion * expected.mean**2
        for (kind, _), members in groups.items():
            _, confusion = self._of_kind(kind)
            assert confusion is not None  # Of the groups that were made above.
            _add(mean, variance, counts, np.array(members), confusion)
        return Expected(mean, variance / np.maximum(mean, 1e-9) ** 2)

    def corrected(self, keys: Sequence[Series], counts: np.ndarray, series: Series) -> CorrectedCount | None:
        """Give how many messages a series by label has; None: it is by no label of a model that was measured.

        Parameters
        ----------
        keys : sequence of Series
            All that are counted, in the order of the array.
        counts : ndarray of int of shape (n_series,)
        """
        kind = kind_of(series)
        names, confusion = self._of_kind(kind)
        if confusion is None:
            return None
        own, rest = _parted(series, names)
        places = {label: place for place, label in enumerate(confusion.labels)}
        if own not in places:
            return None
        answered = np.zeros(len(places), dtype=np.int64)
        for key, count in zip(keys, counts, strict=True):
            if not count or kind_of(key) != kind:
                continue
            label, other = _parted(key, names)
            if other == rest and label in places:
                answered[places[label]] += int(count)
        found = corrected_counts(answered, confusion)
        return CorrectedCount(*(float(one[places[own]]) for one in (found.value, found.low, found.high)))

    def _of_kind(self, kind: tuple[str, ...]) -> tuple[tuple[str, ...], Confusion | None]:
        if kind not in self._of_kinds:
            names = tuple(name for name in kind if name in self._confusions)
            own = [self._confusions[name] for name in names]
            cells = np.prod([len(one.labels) for one in own]) if own else 0
            together = reduce(product_of, own) if 0 < cells <= MOST_CELLS else None
            self._of_kinds[kind] = (names, together)
        return self._of_kinds[kind]


def _parted(series: Series, names: Sequence[str]) -> tuple[str, Series]:
    """Give the label of a series by models, and the rest of it."""
    values = dict(series)
    return "/".join(values.pop(name) for name in names), tuple(values.items())


def _add(
    mean: np.ndarray, variance: np.ndarray, counts: np.ndarray, members: np.ndarray, confusion: Confusion
) -> None:
    """Add to mean and variance of the members of a group, (place, label) of shape (n_members, 2), in place."""
    places, labels = members.T
    answered, usual = np.zeros(len(confusion.labels)), np.zeros(len(confusion.labels))
    answered[labels], usual[labels] = counts[places], mean[places]
    more, uncertain = spilled(answered, usual, confusion)
    is_more = more[labels] >= LEAST_SPILLED
    mean[places] += np.where(is_more, more[labels], 0)
    variance[places] += np.where(is_more, uncertain[labels], 0)
