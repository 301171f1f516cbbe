"""Translation by a table of phrases, in the order of the source: `dictionary_translation.v1`.

Each source sentence is cut into phrases of the table, and each phrase answered by one of its translations, so that the
product of the phrases' probabilities and of the pairs of neighbouring target words is the highest (Brown et al.,
1993; Koehn et al., 2003, without reordering). Words that the table has not are copied.
"""

import json
import math
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

from metier.features.sentence_ranks import join_sentences
from metier.predictors.loading import read_settings, write_settings
from metier.predictors.text.extracted_sentences import written
from metier.tasks.answer_batches import RecordAnswers
from metier.tasks.inputs.conversation import as_items, last_words
from metier.text.segmentation import HAN, has_han, segment, split_sentences

KIND = "dictionary_translation.v1"
TABLE_FILE = "phrases.json"
LONGEST_PHRASE = 3  # Words.
COPIED = math.log(1e-4)  # A word without a translation.
UNSEEN_PAIR = (
    0.4  # Of the pairs' weight, what a pair that was never seen keeps ("stupid backoff", Brants et al., 2007).
)
FLUENCY_WEIGHT = 0.5  # Pairs of neighbours say less than their number suggests: they overlap.
KEPT_STATES = 30

_pieces = re.compile(f"[{HAN}]+|\\w+(?:['’]\\w+)*|[^\\w\\s]").findall
_closes = re.compile(r"[.,!?;:%)\]}]")

Option = tuple[tuple[str, ...], float]  # Words, log-probability.


def cut(text: str) -> list[str]:
    """Give words and marks in order; Chinese by the dictionary of `text.segmentation`."""
    found: list[str] = []
    for piece in _pieces(text):
        found += segment(piece) or [piece] if has_han(piece) else [piece]
    return found


def glue(words: Sequence[str]) -> str:
    """Put words and marks together again, with spaces where neither side is Chinese."""
    text = ""
    for word in words:
        is_split = text and not has_han(text[-1]) and not has_han(word[0]) and word[0].isascii()
        text += f" {word}" if is_split and not _closes.match(word) else word
    return text


class DictionaryTranslationPredictor:
    """A table of phrases and the pairs of target words.

    Parameters
    ----------
    phrases : mapping of str to list of (words, log-probability)
        By the source phrase, its words joined by spaces, in lower case.
    words, pairs : mapping of str to int
        How often a target word, and two neighbouring ones joined by a space, were seen.
    word_bonus : float
        Added for each word that is written: products of probabilities alone would say as little as they can.
    name : str
        Versioned name of the method.
    """

    labels: tuple[str, ...] = ()

    def __init__(
        self,
        phrases: Mapping[str, Sequence[Option]],
        words: Mapping[str, int],
        pairs: Mapping[str, int],
        *,
        word_bonus: float,
        name: str = KIND,
    ):
        self.phrases = phrases
        self.words = words
        self.pairs = pairs
        self.word_bonus = word_bonus
        self.name = name
        self._n_words = sum(words.values()) + 1

    def predict(self, items: Sequence[Any]) -> RecordAnswers:
        """Translate texts, sentence by sentence; of a conversation, the last user turn."""
        texts = [last_words(item) for item in as_items(items)] if len(items) else []
        return written([self._translate(text) for text in texts], self.name)

    def _translate(self, text: str) -> str:
        return join_sentences([glue(self._best(cut(sentence))) for sentence in split_sentences(text)])

    def _best(self, source: Sequence[str]) -> tuple[str, ...]:
        # For each number of source words done: by the last target word, the best score and what was written.
        reached: list[dict[str, tuple[float, tuple[str, ...]]]] = [{} for _ in range(len(source) + 1)]
        reached[0][""] = (0.0, ())
        for start in range(len(source)):
            states = sorted(reached[start].items(), key=lambda state: -state[1][0])[:KEPT_STATES]
            for end in range(start + 1, min(start + LONGEST_PHRASE, len(source)) + 1):
                for words, probability in self._options(source, start, end):
                    for last, (score, before) in states:
                        total = score + probability + self._fluency(last, words)
                        now = words[-1] if words else last
                        if now not in reached[end] or reached[end][now][0] < total:
                            reached[end][now] = (total, before + words)
        return max(reached[-1].values(), key=lambda state: state[0])[1]

    def _options(self, source: Sequence[str], start: int, end: int) -> Sequence[Option]:
        phrase = " ".join(source[start:end]).lower()
        found = self.phrases.get(phrase)
        if found is None and end == start + 1:
            return [((source[start],), COPIED)]
        return [(tuple(words), probability) for words, probability in found or ()]

    def _fluency(self, last: str, words: Sequence[str]) -> float:
        total = 0.0
        for word in words:
            together = self.pairs.get(f"{last} {word}", 0)
            alone = self.words.get(word, 0)
            share = (
                together / max(self.words.get(last, 1), 1)
                if together
                else UNSEEN_PAIR * (alone + 1) / self._n_words
            )
            total += FLUENCY_WEIGHT * math.log(share) + self.word_bonus
            last = word
        return total

    def save(self, folder: Path) -> None:
        """Write the predictor's files to a folder."""
        table = {"phrases": dict(self.phrases), "words": dict(self.words), "pairs": dict(self.pairs)}
        (folder / TABLE_FILE).write_text(json.dumps(table, ensure_ascii=False), encoding="utf-8")
        write_settings(folder, {"kind": KIND, "name": self.name, "labels": [], "word_bonus": self.word_bonus})

    @classmethod
    def load(cls, folder: Path, *, threads: int = 1) -> Self:
        """Load what `save` wrote; `threads` changes nothing."""
        table = json.loads((folder / TABLE_FILE).read_text(encoding="utf-8"))
        settings = read_settings(folder)
        return cls(
            table["phrases"],
            table["words"],
            table["pairs"],
            word_bonus=settings["word_bonus"],
            name=settings["name"],
        )
