"""Write texts with spans as lines of CoNLL: one token and its tag per line."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from metier.text.segmentation import HAN

# A Han character, a run of letters and digits, or any other character that is not a space.
_token = re.compile(rf"[{HAN}]|[^\W{HAN}]+|\S")


def conll_lines(text: str, spans: Sequence[Mapping[str, Any]], tokens: Any = None) -> Iterator[str]:
    """Give a line for each token: the token, a tab, and O, B-label or I-label.

    Tokens are those the text was read from, where known; otherwise words, single Han characters and single
    punctuation marks. A token is split where a span begins or ends inside it, so that no span is lost.

    Parameters
    ----------
    spans : sequence of mappings with start, end and label
        In order, without overlap; offsets in characters.
    tokens : list of str, JSON of one, or None
    """
    offsets = _token_offsets(text, tokens) or [match.span() for match in _token.finditer(text)]
    edges = sorted({edge for span in spans for edge in (span["start"], span["end"])})
    remaining = iter(spans)
    span = next(remaining, None)
    for start, end in _cut(offsets, edges):
        while span is not None and span["end"] <= start:
            span = next(remaining, None)
        yield f"{text[start:end]}\t{_tag(start, end, span)}"


def _tag(start: int, end: int, span: Mapping[str, Any] | None) -> str:
    if span is None or end <= span["start"]:
        return "O"
    return f"{'B' if start <= span['start'] else 'I'}-{span['label']}"


def _token_offsets(text: str, tokens: Any) -> list[tuple[int, int]] | None:
    """Find the offsets of tokens in their text, in order; None where tokens are missing or do not fit the text."""
    if isinstance(tokens, str):
        try:
            tokens = json.loads(tokens)
        except ValueError:
            return None
    if not isinstance(tokens, list) or not all(isinstance(token, str) and token for token in tokens):
        return None
    offsets, end = [], 0
    for token in tokens:
        start = text.find(token, end)
        if start < 0 or text[end:start].strip():
            return None
        end = start + len(token)
        offsets.append((start, end))
    return None if text[end:].strip() else offsets


def _cut(offsets: Sequence[tuple[int, int]], edges: Sequence[int]) -> Iterator[tuple[int, int]]:
    for start, end in offsets:
        inside = [edge for edge in edges if start < edge < end]
        yield from zip([start, *inside], [*inside, end], strict=True)
