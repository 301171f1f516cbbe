"""By which series a message is counted: all messages, and every combination of the settings' `by`.

A name of `by` is a bundle or else a column of the messages. Long values are cut. A message that a bundle
did not answer, or in which it found nothing, is not counted in series of that bundle.
"""

import itertools
import json
from collections.abc import Iterator, Mapping, Sequence

from metier.monitoring.answers import Answered, AnswersOfOne
from metier.monitoring.series import SECONDS

MOST_NAMES = 4  # Of one combination.
LONGEST_SERIES = 500  # Characters, as the store has it.
WIDTHS = (100, 50, 10)  # To which values are cut, the first that fits: JSON writes some characters as six.
ALL_SERIES = "{}"  # All messages together.


def series_of(
    by: Sequence[Sequence[str]], columns: Mapping[str, str], answers: AnswersOfOne
) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Give each series that a message is counted in, with the bundles whose answers lead to it.

    Parameters
    ----------
    by : sequence of sequences of str
        Names of bundles or of columns; each gives the series of its combinations of values.
    columns : mapping of str to str
        The message's own.
    """
    yield ALL_SERIES, ()
    for names in by:
        asked = tuple(name for name in names if name in answers)
        values = [_values(answers[name]) if name in answers else (columns.get(name, ""),) for name in names]
        combined = (dict(zip(names, one, strict=True)) for one in itertools.product(*values))
        for series in dict.fromkeys(series_name(one) for one in combined):
            yield series, asked


def series_name(values: Mapping[str, str]) -> str:
    """Give the name of a series in the store: JSON with sorted keys."""
    for width in WIDTHS:
        cut = {name: value[:width] for name, value in values.items()}
        written = json.dumps(cut, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
        if len(written) <= LONGEST_SERIES:
            break
    return written


def period_of(seconds: float, period: str) -> int:
    """Give the number of the period of a time, since 1970 in UTC."""
    return int(seconds // SECONDS[period])


def versions_name(versions: Mapping[str, str], bundles: Sequence[str]) -> str:
    """Give the versions of bundles as the store has them: `sentiment=0123abcd,topic=4567cdef`; of none the empty text."""
    return ",".join(f"{name}={versions[name]}" for name in sorted(bundles))


def _values(answered: object) -> tuple[str, ...]:
    return answered.values if isinstance(answered, Answered) else ()
