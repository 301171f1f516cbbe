"""Candidate phrases of a sentence for answering a question, and their features.

A phrase is a run of words without punctuation that neither begins nor ends with a function word; whole clauses,
quoted text and the whole sentence are candidates too. English is segmented by a pattern, Chinese by a dictionary.
"""

import itertools
import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from metier.features.answer_types import (
    FUNCTION_WORDS,
    IN_PLACES,
    IN_TIMES,
    NAMES_FOLLOW,
    REASONS_FOLLOW,
    TIMES,
    UNITS,
    has_number,
    has_time,
    is_person,
    is_place,
)
from metier.text.segmentation import HAN, segment

LONGEST_PHRASE = 8  # Words; longer phrases only if they are a whole clause or the end of one.
NEAR = 5  # Words around a phrase that are searched for words of the question.
FAR = 12  # Larger distances are equal.
_runs = re.compile(rf"[{HAN}]+|[^\W{HAN}]+(?:[.,'’][^\W{HAN}]+)*").finditer
_quoted = re.compile(r"[“\"《「『‘(（]([^“”\"《》「」『』‘’()（）]{1,80})[”\"》」』’)）]").finditer
_joins = frozenset(" -–·.%$£€¥'’/")

NAMES = (
    "score of its sentence by the best one's",
    "in the best sentence",
    "share of its words that the question has",
    "a word of the question in it",
    "distance to a word of the question before",
    "distance to one behind",
    "words of the question around",
    "logarithm of its length",
    "one word",
    "two words",
    "three words",
    "four to six words",
    "more words",
    "a whole clause",
    "begins a clause",
    "ends a clause",
    "the whole sentence",
    "a number in it",
    "only numbers",
    "a time in it",
    "share of capitals",
    "only capitals",
    "a person's name in it",
    "a place in it",
    "a unit in it",
    "share of function words",
    "in quotes",
    "after a word for places",
    "after a word for times",
    "after a word for names",
    "after a word for reasons",
    "a unit behind it",
    "ends with what is asked for",
    "what is asked for follows",
    "holds what is asked for",
)


@dataclass(frozen=True)
class Word:
    """A word and its offsets."""

    start: int
    end: int
    text: str  # In lower case.
    is_capital: bool


@dataclass(frozen=True)
class Phrases:
    """The candidate phrases of a sentence.

    Parameters
    ----------
    offsets : ndarray of int of shape (n_phrases, 2)
        Start and end of each, in characters of the text.
    features : ndarray of float32 of shape (n_phrases, n_features)
        See `NAMES`.
    """

    offsets: np.ndarray
    features: np.ndarray


def words_of(text: str, start: int, end: int) -> list[Word]:
    """Give the words of a part of a text."""
    words = []
    for run in _runs(text, start, end):
        piece = run.group()
        if piece[0] >= "\u3007" and "".join(segment(piece)) == piece:
            at = run.start()
            for word in segment(piece):
                words.append(Word(at, at + len(word), word, False))
                at += len(word)
        else:
            words.append(Word(*run.span(), piece.lower(), piece[0].isupper()))
    return words


def phrases_of(
    text: str, start: int, end: int, *, asked: Collection[str], noun: str, score: float, is_best: bool
) -> Phrases:
    """Give the phrases of a sentence and their features.

    Parameters
    ----------
    start, end : int
        Offsets of the sentence in the text.
    asked : set of str
        Words of the question, without function words.
    noun : str
        The noun that the question asks for; see `question_types.asked_noun`.
    score : float
        Score of the sentence divided by that of the best sentence.
    """
    words = words_of(text, start, end)
    if not words:
        empty = np.zeros((0, 2), dtype=np.int64)
        return Phrases(empty, np.zeros((0, len(NAMES)), dtype=np.float32))
    clause = _clauses(text, words)
    firsts, lasts, quoted = _runs_of_words(text, words, clause, start, end)
    features = _features(words, clause, firsts, lasts, quoted, asked=asked, noun=noun)
    features[:, 0], features[:, 1] = score, is_best
    offsets = np.array(
        [_edges(text, words[i].start, words[j].end, start, end) for i, j in zip(firsts, lasts, strict=True)]
    )
    return Phrases(offsets, features.astype(np.float32))


def _clauses(text: str, words: list[Word]) -> np.ndarray:
    """Number the clause of each word: words separated only by spaces and joining marks are one clause."""
    parted = [
        not _joins.issuperset(text[one.end : other.start]) or "\n" in text[one.end : other.start]
        for one, other in itertools.pairwise(words)
    ]
    return np.cumsum([0, *parted])


def _runs_of_words(
    text: str, words: list[Word], clause: np.ndarray, start: int, end: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Give first and last word of each phrase, and whether it is quoted."""
    ends_of_clause = np.append(np.flatnonzero(np.diff(clause)), len(words) - 1)
    is_function = [word.text in FUNCTION_WORDS for word in words]
    found: dict[tuple[int, int], bool] = {}
    begins_clause = np.r_[True, np.diff(clause) > 0]
    for first in range(len(words)):
        stop = int(ends_of_clause[clause[first]])
        if is_function[first] and not begins_clause[first]:
            continue
        for last in {*range(first, min(stop, first + LONGEST_PHRASE - 1) + 1), stop}:
            whole = begins_clause[first] and last == stop
            if whole or not (is_function[first] or is_function[last]):
                found[first, last] = False
    found[0, len(words) - 1] = False
    starts = {word.start: at for at, word in enumerate(words)}
    stops = {word.end: at for at, word in enumerate(words)}
    for quote in _quoted(text, start, end):
        first_word, last_word = starts.get(quote.start(1)), stops.get(quote.end(1))
        if first_word is not None and last_word is not None and first_word <= last_word:
            found[first_word, last_word] = True
    pairs = np.array(list(found), dtype=np.int64)
    return pairs[:, 0], pairs[:, 1], np.array(list(found.values()), dtype=bool)


def _features(
    words: list[Word],
    clause: np.ndarray,
    firsts: np.ndarray,
    lasts: np.ndarray,
    quoted: np.ndarray,
    *,
    asked: Collection[str],
    noun: str,
) -> np.ndarray:
    of_sentence = [np.zeros(len(firsts)), np.zeros(len(firsts))]  # Filled in by the caller.
    columns = [
        *of_sentence,
        *_of_question(words, firsts, lasts, asked),
        *_of_shape(clause, firsts, lasts),
        *_of_kind(words, firsts, lasts),
        quoted,
        *_of_neighbours(words, firsts, lasts, noun),
    ]
    return np.column_stack([np.asarray(column, dtype=np.float64) for column in columns])


def _within(flags: Iterable[bool], firsts: np.ndarray, lasts: np.ndarray) -> np.ndarray:
    """Number of flagged words in each phrase."""
    sums = np.concatenate([[0], np.cumsum(np.fromiter(flags, dtype=np.int64))])
    counts: np.ndarray = sums[lasts + 1] - sums[firsts]
    return counts


def _of_question(
    words: list[Word], firsts: np.ndarray, lasts: np.ndarray, asked: Collection[str]
) -> list[np.ndarray]:
    of_question = np.array([word.text in asked for word in words])
    overlap = _within(of_question, firsts, lasts)
    near = _within(of_question, np.maximum(firsts - NEAR, 0), np.minimum(lasts + NEAR, len(words) - 1))
    before, behind = _distances(of_question)
    shares = overlap / (lasts - firsts + 1)
    return [shares, overlap > 0, before[firsts], behind[lasts], (near - overlap) / (2 * NEAR)]


def _of_shape(clause: np.ndarray, firsts: np.ndarray, lasts: np.ndarray) -> list[np.ndarray]:
    n_words = lasts - firsts + 1
    edges = np.diff(clause) > 0
    begins, ends = np.r_[True, edges][firsts], np.r_[edges, True][lasts]
    return [
        np.log(n_words),
        n_words == 1,
        n_words == 2,
        n_words == 3,
        (n_words >= 4) & (n_words <= 6),
        n_words > 6,
        begins & ends,
        begins,
        ends,
        (firsts == 0) & (lasts == len(clause) - 1),
    ]


def _of_kind(words: list[Word], firsts: np.ndarray, lasts: np.ndarray) -> list[np.ndarray]:
    n_words = lasts - firsts + 1
    texts = [word.text for word in words]
    capitals = _within((word.is_capital for word in words), firsts, lasts)
    numbers = _within((has_number(text) is not None for text in texts), firsts, lasts)
    times = _within((text in TIMES or has_time(text) is not None for text in texts), firsts, lasts)
    return [
        numbers > 0,
        numbers == n_words,
        times > 0,
        capitals / n_words,
        capitals == n_words,
        _within((is_person(text) is not None for text in texts), firsts, lasts) > 0,
        _within((is_place(text) is not None for text in texts), firsts, lasts) > 0,
        _within((text in UNITS for text in texts), firsts, lasts) > 0,
        _within((text in FUNCTION_WORDS for text in texts), firsts, lasts) / n_words,
    ]


def _of_neighbours(words: list[Word], firsts: np.ndarray, lasts: np.ndarray, noun: str) -> list[Any]:
    texts = [word.text for word in words]
    earlier = [texts[first - 1] if first else "" for first in firsts]
    later = [texts[last + 1] if last + 1 < len(texts) else "" for last in lasts]
    return [
        [word in IN_PLACES for word in earlier],
        [word in IN_TIMES for word in earlier],
        [word in NAMES_FOLLOW for word in earlier],
        [word in REASONS_FOLLOW for word in earlier],
        [word in UNITS for word in later],
        [bool(noun) and texts[last] == noun for last in lasts],
        [bool(noun) and word == noun for word in later],
        _within((text == noun for text in texts), firsts, lasts) > 0,
    ]


def _distances(of_question: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Distance of each word to the nearest question word before it, and after it: 0 next to it, 1 far away."""

    def steps(flags: np.ndarray) -> np.ndarray:
        positions = np.arange(len(flags))
        latest = np.maximum.accumulate(np.where(flags, positions, -FAR - 1))
        since = positions - np.r_[-FAR - 1, latest[:-1]]
        return np.log(np.clip(since, 1, FAR)) / np.log(FAR)

    return steps(of_question), steps(of_question[::-1])[::-1]


def _edges(text: str, start: int, end: int, first: int, last: int) -> tuple[int, int]:
    """Include a currency sign before a number and a per cent sign after it."""
    if start > first and text[start - 1] in "$£€¥":
        start -= 1
    if end < last and text[end] in "%％℃°":
        end += 1
    return start, end
