"""Features of tokens for a conditional random field: word, shape, neighbours, and gazetteer matches.

Training and prediction share this code. Features are short strings, a list for each token, made token by token, so
that memory is bounded by the tokens.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from metier.features.gazetteer import Gazetteer
from metier.text.normalisation import replace_surrogates
from metier.text.parsing import parts_of_speech
from metier.text.tokens import token_offsets

LONGEST_AFFIX = 4
LONGEST_SHAPE = 10  # In characters; longer words are links.
_runs = re.compile(r"(.)\1+").sub
SENTENCE_ENDS = frozenset(".!?。！？；\n")


@dataclass(frozen=True)
class CrfFeatures:
    """Computes features of texts.

    Parameters
    ----------
    learned : Gazetteer
        Phrases that were spans in the training texts.
    given : Gazetteer
        Phrases from a file of the user.
    tagger : str
        Part-of-speech tagger, see `text.parsing`.
    """

    learned: Gazetteer
    given: Gazetteer = field(default_factory=lambda: Gazetteer({}))
    tagger: str = "none"

    def of_text(
        self, text: str, *, left_out: frozenset[str] = frozenset()
    ) -> tuple[list[tuple[int, int]], Iterator[list[str]]]:
        """Give the tokens of a text, and the list of features of each.

        Parameters
        ----------
        left_out : frozenset of str
            Learned phrases that appear only in this training text: they would leak its spans.
        """
        text = replace_surrogates(text)
        offsets = token_offsets(text)
        return offsets, self._features(text, offsets, left_out)

    def _features(
        self, text: str, offsets: list[tuple[int, int]], left_out: frozenset[str]
    ) -> Iterator[list[str]]:
        words = [text[start:end] for start, end in offsets]
        lowered = [word.lower() for word in words]
        shapes = [shape(word) for word in words]
        known = self._known(lowered, left_out)
        speech = parts_of_speech(text, offsets, tagger=self.tagger)
        neighbours = _Neighbours(lowered, shapes, speech)
        for position, (start, end) in enumerate(offsets):
            features = _of_word(words[position], lowered[position], shapes[position])
            features += neighbours.features(position)
            features += known.get(position, ())
            features += _of_position(text, start, end, offsets, position)
            yield features

    def _known(self, lowered: list[str], left_out: frozenset[str]) -> dict[int, list[str]]:
        known: dict[int, list[str]] = {}
        sources = (("g", self.learned.matches(lowered, left_out=left_out)), ("G", self.given.matches(lowered)))
        for source, matches in sources:
            for match in matches:
                for position in range(match.first, match.stop):
                    begins, ends = position == match.first, position == match.stop - 1
                    part = "S" if begins and ends else "B" if begins else "E" if ends else "M"
                    known.setdefault(position, []).append(f"{source}={match.label}:{part}")
        return known


class _Neighbours:
    """Features of the two tokens on either side."""

    def __init__(self, lowered: list[str], shapes: list[str], speech: Sequence[tuple[str, ...]]):
        self._lowered, self._shapes, self._speech = lowered, shapes, speech

    def features(self, position: int) -> list[str]:
        words = [self._at(self._lowered, position + step) for step in range(-2, 3)]
        shapes = [self._at(self._shapes, position + step) for step in range(-2, 3)]
        features = [
            f"w-2={words[0]}",
            f"w-1={words[1]}",
            f"w+1={words[3]}",
            f"w+2={words[4]}",
            f"w-1w={words[1]}|{words[2]}",
            f"ww+1={words[2]}|{words[3]}",
            f"w-1w+1={words[1]}|{words[3]}",
            f"s-1={shapes[1]}",
            f"s+1={shapes[3]}",
            f"s-1s={shapes[1]}|{shapes[2]}",
            f"ss+1={shapes[2]}|{shapes[3]}",
            f"s3={shapes[1]}|{shapes[2]}|{shapes[3]}",
            f"x-1={words[1][-3:]}",
            f"x+1={words[3][-3:]}",
        ]
        if len(words[2]) == 1:
            # Of a script without spaces: words are several tokens.
            features += [
                f"w-2w-1={words[0]}|{words[1]}",
                f"w+1w+2={words[3]}|{words[4]}",
                f"w3={words[1]}|{words[2]}|{words[3]}",
                f"w3-={words[0]}|{words[1]}|{words[2]}",
                f"w3+={words[2]}|{words[3]}|{words[4]}",
            ]
        for step in (-1, 0, 1):
            at = position + step
            if 0 <= at < len(self._speech):
                features += [f"t{step}.{number}={mark}" for number, mark in enumerate(self._speech[at])]
        return features

    def _at(self, values: list[str], position: int) -> str:
        return values[position] if 0 <= position < len(values) else "^" if position < 0 else "$"


def shape(word: str) -> str:
    """Give the shape of a word: `X` for upper case, `x` for lower case, `d` for a digit, `c` for other letters.

    Examples
    --------
    >>> shape("McDonald"), shape("3beta"), shape("台")
    ('XxXxxxxx', 'dxxxx', 'c')
    """
    return "".join(map(_kind, word[:LONGEST_SHAPE]))


def _kind(character: str) -> str:
    if character.isupper():
        return "X"
    if character.islower():
        return "x"
    if character.isdigit():
        return "d"
    return "c" if character.isalpha() else character


def _of_word(word: str, lowered: str, its_shape: str) -> list[str]:
    features = ["b", f"w={lowered}", f"s={its_shape}", "r=" + _runs(r"\1", its_shape)]
    if word != lowered:
        features.append(f"W={word}")
    for length in range(1, min(LONGEST_AFFIX, len(lowered) - 1) + 1):
        features += [f"p={lowered[:length]}", f"x={lowered[-length:]}"]
    if any(character.isdigit() for character in word):
        features.append("digits" if word.isdigit() else "digit")
    return features


def _of_position(
    text: str, start: int, end: int, offsets: Sequence[tuple[int, int]], position: int
) -> Iterator[str]:
    if position == 0:
        yield "first"
    elif text[offsets[position - 1][0]] in SENTENCE_ENDS or "\n" in text[offsets[position - 1][1] : start]:
        yield "after an end"
    if position == len(offsets) - 1:
        yield "last"
    if start and not text[start - 1].isspace():
        yield f"glued to {_kind(text[start - 1])}"
    if end < len(text) and not text[end].isspace():
        yield f"glued before {_kind(text[end])}"
