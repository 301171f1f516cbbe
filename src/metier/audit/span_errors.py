"""Spans that look unmarked, marked too much, or of another type: what the same words are marked as elsewhere.

Where a piece of text is nearly always marked as one type, an occurrence that is not marked so is suspicious, and one that
is marked though the same words nearly never are (Dickinson and Meurers [1]_: variation where nothing varies). Each
occurrence is judged by those in other rows alone.

References
----------
.. [1] Dickinson and Meurers, "Detecting errors in part-of-speech annotation", EACL 2003.
"""

import math
import shlex
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from metier.audit.finding import Finding, examples_of, positions_of
from metier.audit.label_errors import MOST_RANKED
from metier.data.rows import Rows
from metier.figures import count_of
from metier.text.tokens import token_offsets

LEAST_SHARE = 0.9  # Of the occurrences elsewhere, that agree.
LEAST_ELSEWHERE = 4
LONGEST_TOKENS = 8
FEWEST_CHARACTERS = 2
UNMARKED = ""


@dataclass(frozen=True)
class DoubtfulSpan:
    """A piece of a text that other rows mark otherwise.

    Parameters
    ----------
    row, start, end : int
        Position among all rows, and offsets in characters.
    words : str
        The text of it.
    given, likelier : str
        Types of spans; empty: not marked.
    agreeing, elsewhere : int
        Occurrences in other rows, and how many of them are as `likelier`.
    """

    row: int
    start: int
    end: int
    words: str
    given: str
    likelier: str
    agreeing: int
    elsewhere: int

    @property
    def suspicion(self) -> float:
        """How many occurrences agree against it, those that do not counted double: the higher, the more suspicious."""
        return math.log1p(self.agreeing) * (self.agreeing - 1) / self.elsewhere

    @property
    def shown(self) -> str:
        """The words with what they are marked as here and elsewhere."""
        return f"{self.words}: {self.given or '–'} → {self.likelier or '–'} ({self.agreeing}/{self.elsewhere})"


def check_span_errors(rows: Rows) -> Iterator[Finding]:
    """Find spans that the same words elsewhere contradict; the most suspicious come first."""
    if rows.roles.spans is None:
        return
    found = doubtful_spans(rows.texts, [list(spans or ()) for spans in rows.column("spans")])
    if not found:
        return
    by_row: dict[int, list[DoubtfulSpan]] = {}
    for one in found:
        by_row.setdefault(one.row, []).append(one)
    positions = list(by_row)
    yield Finding(
        "span-errors",
        "warning",
        f"{count_of(len(found), 'span')} {'is' if len(found) == 1 else 'are'} marked otherwise than the same words "
        "elsewhere",
        positions_of(positions),
        rows.origin,
        examples_of(
            rows, positions, likelier=["; ".join(one.shown for one in some) for some in by_row.values()]
        ),
        shlex.join(["metier", "check", rows.origin, "--show", "span-errors"]),
        {
            "spans": len(found),
            "rule": f"at least {LEAST_ELSEWHERE} occurrences of the same words in other rows, {LEAST_SHARE:.0%} of "
            "them marked as one type, or as none; letter case counts, and a part of a longer span does not",
            "suggested": [
                {
                    "row": one.row + 1, "start": one.start, "end": one.end, "given": one.given or None,
                    "likelier": one.likelier or None,
                }
                for one in found[:MOST_RANKED]
            ],
        },
    )  # fmt: skip


def doubtful_spans(texts: Sequence[str], spans: Sequence[Sequence[Mapping[str, Any]]]) -> list[DoubtfulSpan]:
    """Give pieces that are marked otherwise than the same words in other rows, the most suspicious first."""
    marked = {texts[row][one["start"] : one["end"]] for row, some in enumerate(spans) for one in some}
    wanted = {piece for piece in marked if len(piece) >= FEWEST_CHARACTERS}
    found: defaultdict[str, list[tuple[int, int, int, str]]] = defaultdict(list)
    for row, (text, some) in enumerate(zip(texts, spans, strict=True)):
        for start, end, given in _occurrences(text, some, wanted):
            found[text[start:end]].append((row, start, end, given))
    doubtful = [one for words, places in found.items() for one in _against(words, places)]
    return sorted(doubtful, key=lambda one: -one.suspicion)


def _occurrences(
    text: str, spans: Sequence[Mapping[str, Any]], wanted: set[str]
) -> Iterator[tuple[int, int, str]]:
    """Give where wanted pieces stand as whole tokens, and what they are marked as; parts of longer spans are left out."""
    own = {(one["start"], one["end"]): str(one["label"]) for one in spans}
    inside = [(one["start"], one["end"]) for one in spans]
    tokens = token_offsets(text)
    for first, (start, _) in enumerate(tokens):
        for _, end in tokens[first : first + LONGEST_TOKENS]:
            if text[start:end] not in wanted:
                continue
            given = own.get((start, end), UNMARKED)
            if given == UNMARKED and any(low < end and start < high for low, high in inside):
                continue
            yield start, end, given


def _against(words: str, places: Sequence[tuple[int, int, int, str]]) -> Iterator[DoubtfulSpan]:
    """Give the occurrences of some words that those in other rows contradict."""
    whole = Counter(given for *_, given in places)
    if len(whole) < 2:
        return
    of_row: defaultdict[int, Counter[str]] = defaultdict(Counter)
    for row, _, _, given in places:
        of_row[row][given] += 1
    for row, start, end, given in places:
        elsewhere = whole - of_row[row]
        n = elsewhere.total()
        if n < LEAST_ELSEWHERE:
            continue
        likelier, agreeing = elsewhere.most_common(1)[0]
        if likelier != given and agreeing >= LEAST_SHARE * n:
            yield DoubtfulSpan(row, start, end, words, given, likelier, agreeing, n)
