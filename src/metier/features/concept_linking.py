"""Entity linking: which concept of a knowledge graph a mention in a text means, or none.

Candidates are found by their names: the same, the same but for case and spacing, or sharing character n-grams. Among
them the context decides, too: how like the words around the mention are to what describes the concept (definition, names
and neighbours; TF-IDF). What is too unlike is none of them (NIL). How much the context counts and where NIL begins is
chosen on mentions whose concept is known.
"""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Self

import numpy as np

from metier.features.gazetteer import phrase_key
from metier.text.tokens import token_offsets

if TYPE_CHECKING:  # What answers needs no reader of graphs, and no Arrow.
    from metier.data.knowledge import KnowledgeGraph

EXACT, NORMALISED, BY_GRAMS = (
    1.0,
    0.95,
    0.9,
)  # The best that a name can be worth that is the same, or nearly so.
GRAMS = (2, 3, 4)
WEIGHTS = (0.0, 0.05, 0.1, 0.2, 0.4, 0.8, 1.2)
THRESHOLDS = tuple(float(one) for one in np.linspace(0.0, 1.0, 41))
AROUND = 300  # Characters on each side of a mention that are its context.


class Mention(NamedTuple):
    """A place in a text that may mean a concept."""

    text: str
    start: int
    end: int

    @property
    def phrase(self) -> str:
        """Its words."""
        return self.text[self.start : self.end]

    @property
    def context(self) -> str:
        """Its words and those around it: both may stand in what describes a concept."""
        return self.text[max(0, self.start - AROUND) : self.end + AROUND]


class Candidate(NamedTuple):
    """A concept that a mention may mean: how good the name fits and how like the context is, each 0 to 1."""

    concept: str
    name_score: float
    context_score: float


class Linked(NamedTuple):
    """What a mention means: a concept, None where it is none of them; the score; and the candidates, the best first."""

    concept: str | None
    score: float
    candidates: list[Candidate]


@dataclass(frozen=True)
class LinkSettings:
    """How concepts are chosen.

    Parameters
    ----------
    context_weight : float
        How much the context counts beside the name, from 0 on.
    threshold : float
        Least score of a concept; below it a mention is none.
    most_candidates : int
        Concepts that are looked at for a mention.
    """

    context_weight: float = 0.2
    threshold: float = 0.3
    most_candidates: int = 20


class ConceptLinker:
    """Links mentions to concepts. Safe to share between threads.

    Parameters
    ----------
    ids : sequence of str
    names : sequence of sequence of str
        Of each concept, the first being what it is called.
    descriptions : sequence of str
        What describes each in words.
    settings : LinkSettings
    """

    def __init__(
        self,
        ids: Sequence[str],
        names: Sequence[Sequence[str]],
        descriptions: Sequence[str],
        *,
        settings: LinkSettings | None = None,
    ):
        self.ids, self.names, self.descriptions = list(ids), [list(own) for own in names], list(descriptions)
        self.settings = settings or LinkSettings()
        self._exact: dict[str, list[int]] = {}
        self._normalised: dict[str, list[int]] = {}
        owners, grams = [], []
        for number, own in enumerate(self.names):
            for name in own:
                self._exact.setdefault(name, []).append(number)
                self._normalised.setdefault(_key(name), []).append(number)
                owners.append(number)
                grams.append(_grams(name))
        self._owners = np.array(owners, dtype=np.int64)
        self._grams = _Counted(grams)
        self._words = _Counted([_words(text) for text in self.descriptions])

    @classmethod
    def of(cls, graph: "KnowledgeGraph", *, settings: LinkSettings | None = None) -> Self:
        """Take the concepts of a graph."""
        concepts = list(graph.concepts.values())
        return cls(
            [one.id for one in concepts],
            [one.names for one in concepts],
            [graph.described(one.id) for one in concepts],
            settings=settings,
        )

    def candidates(self, mention: Mention) -> list[Candidate]:
        """Give the concepts that a mention may mean, those whose names fit best first."""
        found: dict[int, float] = {}
        similar = BY_GRAMS * self._grams.similar(_grams(mention.phrase))
        most = self.settings.most_candidates
        for place in np.argsort(-similar, kind="stable")[: 4 * most]:
            if similar[place] > 0:
                number = int(self._owners[place])
                found[number] = max(found.get(number, 0.0), float(similar[place]))
        for score, numbers in (
            (NORMALISED, self._normalised.get(_key(mention.phrase), [])),
            (EXACT, self._exact.get(mention.phrase, [])),
        ):
            found |= dict.fromkeys(numbers, score)
        context = self._words.similar(_words(mention.context))
        # What no name is like may still be described in these words.
        likely = [
            int(place) for place in np.argsort(-context, kind="stable")[: most // 2] if context[place] > 0
        ]
        described = [(number, 0.0) for number in likely if number not in found]
        best = sorted(found.items(), key=lambda one: (-one[1], one[0]))[: most - len(described)]
        return [
            Candidate(self.ids[number], score, float(context[number])) for number, score in [*best, *described]
        ]

    def link(self, mention: Mention) -> Linked:
        """Give the concept that a mention means, or None."""
        return self._chosen(self.candidates(mention), self.settings)

    def fitted(self, mentions: Sequence[Mention], truth: Sequence[str | None]) -> Self:
        """Give the same with the weight of the context and the threshold chosen on mentions with known concepts.

        Parameters
        ----------
        truth : sequence of str or None
            The concept of each; None: it is none of them.
        """
        candidates = [self.candidates(one) for one in mentions]
        best, chosen = -1.0, self.settings
        for weight in WEIGHTS:
            scored = [
                self._chosen(own, replace(self.settings, context_weight=weight, threshold=0.0))
                for own in candidates
            ]
            for threshold in THRESHOLDS:
                correct = [
                    (one.concept if one.score >= threshold else None) == true
                    for one, true in zip(scored, truth, strict=True)
                ]
                if (score := float(np.mean(correct))) > best + 1e-12:
                    best, chosen = (
                        score,
                        replace(self.settings, context_weight=weight, threshold=threshold),
                    )
        self.settings = chosen
        return self

    @staticmethod
    def _chosen(candidates: Sequence[Candidate], settings: LinkSettings) -> Linked:
        def score(one: Candidate) -> float:
            return one.name_score + settings.context_weight * one.context_score

        ranked = sorted(candidates, key=score, reverse=True)
        if not ranked or score(ranked[0]) < settings.threshold:
            return Linked(None, score(ranked[0]) if ranked else 0.0, ranked)
        return Linked(ranked[0].concept, score(ranked[0]), ranked)

    def called(self, concept: str) -> str:
        """Give the name of a concept."""
        return self.names[self.ids.index(concept)][0]

    def save(self, path: Path) -> None:
        """Write it as JSON."""
        content = {
            "ids": self.ids,
            "names": self.names,
            "descriptions": self.descriptions,
            "settings": asdict(self.settings),
        }
        path.write_text(json.dumps(content, ensure_ascii=False), encoding="utf-8")

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read what `save` wrote."""
        content = json.loads(path.read_text(encoding="utf-8"))
        settings = LinkSettings(**content["settings"])
        return cls(content["ids"], content["names"], content["descriptions"], settings=settings)


class _Counted:
    """Bags of features, weighted by TF-IDF and of length 1, that one more can be compared with."""

    def __init__(self, bags: Sequence[Counter[str]]):
        self._columns: dict[str, int] = {}
        rows, columns, values = [], [], []
        for row, bag in enumerate(bags):
            for feature, count in bag.items():
                rows.append(row)
                columns.append(self._columns.setdefault(feature, len(self._columns)))
                values.append(1 + np.log(count))
        width = max(len(self._columns), 1)
        in_rows = np.bincount(columns, minlength=width) if columns else np.zeros(width)
        self._idf = np.log((1 + len(bags)) / (1 + in_rows)) + 1
        order = np.argsort(columns, kind="stable")  # By feature, each feature's bags in order.
        self._rows = np.array(rows, dtype=np.int64)[order]
        weights = (np.array(values, dtype=np.float64) * self._idf[np.array(columns, dtype=np.int64)])[order]
        squares = np.bincount(self._rows, weights=weights**2, minlength=len(bags))
        self._weights = weights / np.maximum(np.sqrt(squares), 1e-12)[self._rows]
        self._starts = np.concatenate([[0], np.cumsum(in_rows)]).astype(np.int64)
        self._n_bags = len(bags)

    def similar(self, bag: Counter[str]) -> np.ndarray:
        """Give the cosine of each bag with one more, an ndarray of shape (n_bags,)."""
        known = {self._columns[one]: (1 + np.log(count)) for one, count in bag.items() if one in self._columns}
        found = np.zeros(self._n_bags)
        unknown = sum(count for one, count in bag.items() if one not in self._columns)
        if not known:
            return found
        own = np.array([value * self._idf[column] for column, value in known.items()])
        # What no name has makes the mention longer, so that it is less like any.
        length = np.sqrt((own**2).sum() + unknown * self._idf.max() ** 2)
        for column, value in zip(known, own, strict=True):
            some = slice(self._starts[column], self._starts[column + 1])
            found[self._rows[some]] += self._weights[some] * value / length
        return found


def _key(name: str) -> str:
    """Give a name without case, spacing, punctuation and the s of plurals."""
    words = [word for word in phrase_key(name).split(" ") if any(map(str.isalnum, word))]
    return " ".join(
        word[:-1] if len(word) > 3 and word.endswith("s") and not word.endswith("ss") else word
        for word in words
    )


def _grams(name: str) -> Counter[str]:
    padded = f" {phrase_key(name)} "
    return Counter(
        padded[start : start + size] for size in GRAMS for start in range(max(len(padded) - size + 1, 0))
    )


def _words(text: str) -> Counter[str]:
    words = [text[start:end].lower() for start, end in token_offsets(text)]
    return Counter(word for word in words if any(map(str.isalnum, word)))
