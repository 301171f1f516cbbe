"""What the errors of models add to the expected counts of labels in a period, when other labels surge."""

from collections.abc import Mapping, Sequence
from functools import reduce

import numpy as np

from metier.monitoring.series import Series, kind_of
from metier.monitoring.signals.confused_counts import Confusion, product_of, spilled
from metier.monitoring.signals.expected_counts import Expected

MOST_CELLS = 400  # Combinations of labels of several models.
LEAST_SPILLED = 0.01  # Messages.


class LabelErrors:
    """Corrects what is expected of series by label.

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
            values = dict(key)
            label = "/".join(values.pop(name) for name in names)
            if label in confusion.labels:
                rest = (kind_of(key), tuple(values.items()))
                groups.setdefault(rest, []).append((place, confusion.labels.index(label)))
        mean, variance = expected.mean.copy(), expected.dispersion * expected.mean**2
        for (kind, _), members in groups.items():
            _, confusion = self._of_kind(kind)
            assert confusion is not None  # Of the groups that were made above.
            _add(mean, variance, counts, np.array(members), confusion)
        return Expected(mean, variance / np.maximum(mean, 1e-9) ** 2)

    def _of_kind(self, kind: tuple[str, ...]) -> tuple[tuple[str, ...], Confusion | None]:
        if kind not in self._of_kinds:
            names = tuple(name for name in kind if name in self._confusions)
            own = [self._confusions[name] for name in names]
            cells = np.prod([len(one.labels) for one in own]) if own else 0
            together = reduce(product_of, own) if 0 < cells <= MOST_CELLS else None
            self._of_kinds[kind] = (names, together)
        return self._of_kinds[kind]


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
