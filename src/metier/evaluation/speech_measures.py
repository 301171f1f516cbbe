"""Errors of transcripts: the words, or the characters, that are wrong, missing or too many, for each that was said.

Truth and answers are one text a row. Both are normalised alike (`text.spoken_forms`): without that, case and commas count
as errors and figures cannot be compared with published ones. English is judged by words, Chinese by characters; in the
word error rate a Han character counts as a word, so for Chinese the two agree.
"""

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np

from metier.evaluation.row_statistics import RowMeasure, divide
from metier.text.spoken_forms import spoken_characters, spoken_words


def edit_distance(first: Sequence[str], second: Sequence[str]) -> int:
    """Fewest substitutions, deletions and insertions that make one sequence the other [1]_.

    References
    ----------
    .. [1] Wagner and Fischer, "The string-to-string correction problem", 1974.
    """
    if len(second) > len(first):
        first, second = second, first
    codes: dict[str, int] = {}
    columns = np.array([codes.setdefault(token, len(codes)) for token in second], dtype=np.int64)
    places = np.arange(len(columns) + 1)
    row = places.copy()
    for token in first:
        wrong = columns != codes.get(token, -1)
        changed = np.empty_like(row)
        changed[0] = row[0] + 1
        changed[1:] = np.minimum(row[:-1] + wrong, row[1:] + 1)
        # An insertion costs one a place: the least of what stands before, each with its distance.
        row = np.minimum.accumulate(changed - places) + places
    return int(row[-1])


def word_error_rate(truth: Sequence[str], predicted: Sequence[str]) -> float:
    """Word errors for each word that was said; above 1 where more was written than said."""
    return WER.total(WER.statistics(truth, predicted))


def character_error_rate(truth: Sequence[str], predicted: Sequence[str]) -> float:
    """Character errors for each character that was said."""
    return CER.total(CER.statistics(truth, predicted))


def _errors(truth: Sequence[str], predicted: Sequence[str], *, cut: Callable[[str], list[str]]) -> np.ndarray:
    """Give the errors and the length of each row."""
    return np.array(
        [
            (edit_distance(said, cut(answer)), len(said))
            for said, answer in ((cut(true), answer) for true, answer in zip(truth, predicted, strict=True))
        ],
        dtype=np.float64,
    ).reshape(-1, 2)


def _rate(sums: np.ndarray) -> np.ndarray:
    return divide(sums[..., 0], sums[..., 1])


def _is_right(statistics: np.ndarray) -> np.ndarray:
    right: np.ndarray = statistics[:, 0] == 0
    return right


# They may be above 1, so they are no fractions.
WER = RowMeasure(
    "wer",
    partial(_errors, cut=spoken_words),
    _rate,
    higher_is_better=False,
    is_fraction=False,
    is_correct=_is_right,
)
CER = RowMeasure(
    "cer",
    partial(_errors, cut=spoken_characters),
    _rate,
    higher_is_better=False,
    is_fraction=False,
    is_correct=_is_right,
)
SPEECH_MEASURES = (WER, CER)
