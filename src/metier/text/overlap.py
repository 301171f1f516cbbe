"""How much two texts share, counted: words, characters, numbers, edits, negations. Every number is 0 to 1.

Each measure is symmetric, and says 1 where the two texts agree.
"""

import re
from collections.abc import Collection

import numpy as np

# The work of an edit distance is the product of the lengths; the openings of two texts have to do.
LONGEST_EDITED = 256
_numbers = re.compile(r"\d+(?:[.,]\d+)*").findall
_negations = re.compile(
    r"\b(?:no|not|never|none|nobody|nothing|neither|nor|without|cannot|\w+n't|don t|won t)\b|[不没無无非未别]"
).findall


def jaccard(one: Collection[str], other: Collection[str]) -> float:
    """Give the share of what either text has that both have (Jaccard, 1901); of two empty ones 1."""
    first, second = set(one), set(other)
    either = len(first | second)
    return len(first & second) / either if either else 1.0


def containment(one: Collection[str], other: Collection[str]) -> float:
    """Give the share of the shorter text's pieces that the longer one has too; of an empty one 0."""
    first, second = set(one), set(other)
    fewest = min(len(first), len(second))
    return len(first & second) / fewest if fewest else 0.0


def length_ratio(one: str, other: str) -> float:
    """Give the shorter length by the longer one, in characters."""
    longest = max(len(one), len(other))
    return min(len(one), len(other)) / longest if longest else 1.0


def numbers_agree(one: str, other: str) -> float:
    """Give the share of numbers that both texts name; 1 where neither names any."""
    return jaccard(_numbers(one), _numbers(other))


def negations_agree(one: str, other: str) -> float:
    """Give 1 where both texts are negated an even number of times, or both an odd one, else 0."""
    return float(len(_negations(one)) % 2 == len(_negations(other)) % 2)


def edit_similarity(one: str, other: str) -> float:
    """Give 1 minus the edit distance (Levenshtein, 1966) of two texts by the longer length.

    Only the first 256 characters of each are compared.
    """
    first, second = (_code_points(text[:LONGEST_EDITED]) for text in (one, other))
    longest = max(len(first), len(second))
    if longest == 0:
        return 1.0
    steps = np.arange(len(second) + 1)
    distances = steps.copy()
    for number, character in enumerate(first, start=1):
        changed = np.minimum(distances[1:] + 1, distances[:-1] + (second != character))
        row = np.concatenate([[number], changed])
        # An insertion costs one more than the cell to the left: a running minimum once the steps are taken out.
        distances = np.minimum.accumulate(row - steps) + steps
    return 1.0 - float(distances[-1]) / longest


def _code_points(text: str) -> np.ndarray:
    return np.fromiter(map(ord, text), dtype=np.int32, count=len(text))
