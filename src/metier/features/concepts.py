"""Concepts of a knowledge graph in texts: found by their names, with what stands above them.

A text with its concepts is the text and a word for each concept in it, for each concept above one, so that any method
that weighs words weighs them, too. Two marked entities get the types of their concepts, and the relation that the graph
states between them.
"""

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Self

from metier.features.gazetteer import Gazetteer, phrase_key
from metier.text.tokens import token_offsets

if TYPE_CHECKING:  # What answers needs no reader of graphs, and no Arrow.
    from metier.data.knowledge import KnowledgeGraph

SHORTEST = 3  # Letters of a name that is looked for in texts: "I" and "ER" are more often words than names.
MOST_ABOVE = 8  # Concepts above one that are told.
UNKNOWN = "unknown"


class FoundConcept(NamedTuple):
    """Where the name of a concept stands in a text; the first of several concepts with this name."""

    start: int
    end: int
    concept: str


class ConceptFinder:
    """Finds the names of concepts in texts, in any case of letters, the longest first. Safe to share between threads.

    Parameters
    ----------
    names : mapping of str to str
        From names, in the form of `phrase_key`, to the id of a concept.
    above : mapping of str to sequence of str
        The concepts above each, the nearest first.
    relations : mapping of (str, str) to sequence of str
        What is stated between two concepts.
    """

    def __init__(
        self,
        names: Mapping[str, str],
        above: Mapping[str, Sequence[str]],
        relations: Mapping[tuple[str, str], Sequence[str]],
    ):
        self.names = Gazetteer(names)
        self.above = {concept: tuple(own) for concept, own in above.items()}
        self.relations = {pair: tuple(own) for pair, own in relations.items()}
        ids = sorted({*names.values(), *(one for own in above.values() for one in own)})
        self._words = {concept: f"conceptq{number}z" for number, concept in enumerate(ids)}

    @classmethod
    def of(cls, graph: "KnowledgeGraph") -> Self:
        """Take the names, the hierarchy and the relations of a graph."""
        names: dict[str, str] = {}
        for concept in graph.concepts.values():
            for name in concept.names:
                key = phrase_key(name)
                if len(name) >= SHORTEST or not name.isascii():
                    names.setdefault(key, concept.id)
        names.pop("", None)
        above = {one: graph.ancestors(one)[:MOST_ABOVE] for one in graph.concepts}
        return cls(names, {one: own for one, own in above.items() if own}, graph.relations_between())

    def found(self, text: str) -> list[FoundConcept]:
        """Give the concepts whose names stand in a text, in order and without overlap."""
        offsets = token_offsets(text)
        matches = self.names.matches([text[start:end].lower() for start, end in offsets])
        return [FoundConcept(offsets[one.first][0], offsets[one.stop - 1][1], one.label) for one in matches]

    def concepts_with_above(self, text: str) -> list[str]:
        """Give the concepts in a text and those above them, each once."""
        found: dict[str, None] = {}
        for one in self.found(text):
            found |= dict.fromkeys((one.concept, *self.above.get(one.concept, ())))
        return list(found)

    def with_concepts(self, text: str) -> str:
        """Give a text with a word for each concept in it and above."""
        words = [self._words[concept] for concept in self.concepts_with_above(text)]
        return f"{text}\n{' '.join(words)}" if words else text

    def with_types(self, item: Mapping[str, Any]) -> dict[str, Any]:
        """Give two marked entities with their concepts as types, and what the graph states between them."""
        ends = [self._concept_of(item["text"][slice(*item[name])]) for name in ("head", "tail")]
        head, tail = (end or "" for end in ends)
        known, back = ("+".join(self.relations.get(pair, ())) for pair in ((head, tail), (tail, head)))
        types = [self._type_of(item.get(name, ""), end) for name, end in zip(TYPES, ends, strict=True)]
        stated = f"|{known or 'none'}|{back or 'none'}" if known or back else ""
        return {**item, "head_type": types[0] + stated, "tail_type": types[1]}

    def _concept_of(self, phrase: str) -> str | None:
        return self.names.labels.get(phrase_key(phrase))

    def _type_of(self, stated: str, concept: str | None) -> str:
        above = self.above.get(concept, ()) if concept is not None else ()
        return f"{stated}:{above[-1] if above else concept or UNKNOWN}"

    def save(self, path: Path) -> None:
        """Write it as JSON."""
        content = {
            "names": self.names.labels,
            "above": {concept: list(own) for concept, own in self.above.items()},
            "relations": [[*pair, list(own)] for pair, own in sorted(self.relations.items())],
        }
        path.write_text(json.dumps(content, ensure_ascii=False), encoding="utf-8")

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read what `save` wrote."""
        content = json.loads(path.read_text(encoding="utf-8"))
        relations = {(head, tail): own for head, tail, own in content["relations"]}
        return cls(content["names"], content["above"], relations)


TYPES = ("head_type", "tail_type")


def names_of(graph: "KnowledgeGraph") -> Iterator[tuple[str, list[str]]]:
    """Give each name of a graph, in the form of `phrase_key`, with all concepts that have it."""
    owners: dict[str, list[str]] = defaultdict(list)
    for concept in graph.concepts.values():
        for key in dict.fromkeys(map(phrase_key, concept.names)):
            owners[key].append(concept.id)
    yield from owners.items()
