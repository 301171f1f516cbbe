"""Overlap measures of two texts: words, characters, numbers, edits, negations; 0 to 1.

Each measure is symmetric, and 1 where the two texts agree.
"""

import re
from collections.abc import Collection

# The cost of an edit distance is the product of the lengths, so only the beginnings are compared.
LONGEST_EDITED = 256
_numbers = re.compile(r"\d+(?:[.,]\d+)*").findall
_negations = re.compile(
    r"\b(?:no|not|never|none|nobody|nothing|neither|nor|without|cannot|\w+n['’]t)\b|[不没無无非未别]"
).findall


def jaccard(one: Collection[str], other: Collection[str]) -> float:
    """Give the Jaccard similarity (1901); 1 for two empty sets."""
    first, second = set(one), set(other)
    either = len(first | second)
    return len(first & second) / either if either else 1.0


def containment(one: Collection[str], other: Collection[str]) -> float:
    """Give the share of the smaller set that the larger one contains; 0 for an empty one."""
    first, second = set(one), set(other)
    fewest = min(len(first), len(second))
    return len(first & second) / fewest if fewest else 0.0


def length_ratio(one: str, other: str) -> float:
    """Give the ratio of the shorter to the longer length, in characters."""
    longest = max(len(one), len(other))
    return min(len(one), len(other)) / longest if longest else 1.0


def numbers_agree(one: str, other: str) -> float:
    """Give the Jaccard similarity of the numbers in both texts; 1 where neither has any."""
    return jaccard(_numbers(one), _numbers(other))


def negations_agree(one: str, other: str) -> float:
    """Give 1 where the numbers of negations are both even or both odd, else 0."""
    return float(len(_negations(one)) % 2 == len(_negations(other)) % 2)


def edit_similarity(one: str, other: str) -> float:
    """Give 1 minus the edit distance (Levenshtein, 1966) divided by the longer length.

    Only the first 256 characters of each are compared.
    """
    first, second = one[:LONGEST_EDITED], other[:LONGEST_EDITED]
    longest = max(len(first), len(second))
    return 1.0 - _edit_distance(first, second) / longest if longest else 1.0


def _edit_distance(one: str, other: str) -> int:
    """Edit distance of two texts, one column of the dynamic programming table per step.

    Neighbouring cells differ by at most 1, so a column is two bit vectors, increments and decrements (Myers,
    "A fast bit-vector algorithm for approximate string matching", 1999, as Hyyrö restates it for whole texts, 2001).
    """
    if not one:
        return len(other)
    everywhere = (1 << len(one)) - 1
    last = 1 << (len(one) - 1)
    positions: dict[str, int] = {}
    for position, character in enumerate(one):
        positions[character] = positions.get(character, 0) | (1 << position)
    rises, falls, distance = everywhere, 0, len(one)
    for character in other:
        same = positions.get(character, 0)
        diagonal = (((same & rises) + rises) ^ rises) | same
        across_up = (falls | ~(diagonal | rises)) & everywhere
        across_down = rises & diagonal
        distance += bool(across_up & last) - bool(across_down & last)
        across_up = (across_up << 1 | 1) & everywhere
        across_down = (across_down << 1) & everywhere
        rises = (across_down | ~(same | falls | across_up)) & everywhere
        falls = across_up & (same | falls)
    return distance
