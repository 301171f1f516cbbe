"""A knowledge graph: concepts with names, aliases, definitions, what stands above them, and how they are related."""

import itertools
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from metier.errors import KnowledgeError
from metier.figures import count_of

MOST_FAULTS = 10
MOST_NOTED = 3
# What relations are called that mean more than themselves; everything else is a relation like any other.
PARENTS = frozenset({"is_a", "subclass_of", "subclassof", "broader", "parent", "上位"})
EXCLUSIONS = frozenset({"disjoint_from", "disjointwith", "excludes", "互斥"})


class Alias(NamedTuple):
    """A name of a concept, and its language where that is stated."""

    text: str
    language: str | None = None


class Statement(NamedTuple):
    """A relation of a concept to another, and where the file states it: "symptoms.obo, line 12"."""

    relation: str
    target: str
    place: str


@dataclass
class Concept:
    """A concept.

    Parameters
    ----------
    id : str
    name : str
        What it is called; the id where nothing is stated.
    place : str
        Where the file states it.
    aliases : list of Alias
        Further names.
    definition : str
        What it is, and whatever else describes it.
    statements : list of Statement
        Parents, exclusions and relations, as the file states them.
    """

    id: str
    name: str
    place: str
    aliases: list[Alias] = field(default_factory=list)
    definition: str = ""
    statements: list[Statement] = field(default_factory=list)

    @property
    def names(self) -> list[str]:
        """Its name and its aliases, each once."""
        return list(dict.fromkeys([self.name, *(alias.text for alias in self.aliases)]))

    @property
    def parents(self) -> list[str]:
        """The concepts right above it."""
        return [one.target for one in self.statements if one.relation.casefold() in PARENTS]

    @property
    def excluded(self) -> list[str]:
        """The concepts that nothing is together with this one."""
        return [one.target for one in self.statements if one.relation.casefold() in EXCLUSIONS]

    @property
    def relations(self) -> list[tuple[str, str]]:
        """Relation and other concept, without parents and exclusions."""
        special = PARENTS | EXCLUSIONS
        return [(one.relation, one.target) for one in self.statements if one.relation.casefold() not in special]


class KnowledgeGraph:
    """Concepts by their ids, checked: no circle in the hierarchy, no id that is not there, no exclusion of a parent.

    Parameters
    ----------
    concepts : iterable of Concept
    origin : str
        The file, for messages.
    repair : bool, default=False
        Whether statements about concepts that are not there are left out (and noted) instead of being refused.

    Raises
    ------
    KnowledgeError
        With every fault, its file and line.
    """

    def __init__(self, concepts: Iterable[Concept], *, origin: str, repair: bool = False):
        self.origin = origin
        self.notes: list[str] = []
        self.concepts: dict[str, Concept] = {}
        faults = list(self._add(concepts))
        faults += self._dangling(repair)
        if not self.concepts:
            faults.append("there is no concept in it")
        if not faults:
            faults += [*self._circles()]
        if not faults:
            faults += [*self._contradictions()]
        if faults:
            raise KnowledgeError(faults[:MOST_FAULTS], n_faults=len(faults), origin=origin)
        self._note_shared_names()

    def __len__(self) -> int:
        return len(self.concepts)

    def _add(self, concepts: Iterable[Concept]) -> Iterator[str]:
        for concept in concepts:
            known = self.concepts.get(concept.id)
            if known is not None:
                yield f"{concept.place}: {concept.id!r} is already stated in {known.place}"
            self.concepts[concept.id] = concept

    def _dangling(self, repair: bool) -> list[str]:
        faults, left_out = [], 0
        for concept in self.concepts.values():
            kept = []
            for one in concept.statements:
                if one.target in self.concepts:
                    kept.append(one)
                elif repair:
                    left_out += 1
                else:
                    faults.append(f"{one.place}: {one.target!r} is not there ({concept.id} {one.relation})")
            concept.statements = kept
        if left_out:
            self.notes.append(
                f"repair left out {count_of(left_out, 'statement')} about concepts that are not there"
            )
        return faults

    def _circles(self) -> Iterator[str]:
        """Find circles by taking off, again and again, what has nothing above it."""
        above = {one.id: set(one.parents) for one in self.concepts.values()}
        below: dict[str, list[str]] = defaultdict(list)
        for own, parents in above.items():
            for parent in parents:
                below[parent].append(own)
        free = [own for own, parents in above.items() if not parents]
        while free:
            done = free.pop()
            for child in below[done]:
                above[child].discard(done)
                if not above[child]:
                    free.append(child)
        in_circle = {own for own, parents in above.items() if parents}
        if in_circle:
            yield self._told_circle(min(in_circle), in_circle)

    def _told_circle(self, start: str, within: set[str]) -> str:
        path = [start]
        while True:
            following = next(parent for parent in self.concepts[path[-1]].parents if parent in within)
            if following in path:
                path = [*path[path.index(following) :], following]
                break
            path.append(following)
        places = [
            next(one.place for one in self.concepts[own].statements if one.target == parent)
            for own, parent in itertools.pairwise(path)
        ]
        return f"{places[0]}: the hierarchy has a circle: {' is under '.join(path)}"

    def _contradictions(self) -> Iterator[str]:
        excluded = self.exclusions()
        for concept in self.concepts.values():
            for one in concept.statements:
                if one.target in concept.excluded and one.target in self.ancestors(concept.id):
                    yield f"{one.place}: {concept.id} excludes {one.target}, which stands above it"
            above = [concept.id, *self.ancestors(concept.id)]
            for place, one_above in enumerate(above):
                other = next(
                    (two for two in above[place + 1 :] if frozenset((one_above, two)) in excluded), None
                )
                if other is not None and concept.id not in (one_above, other):
                    yield f"{concept.place}: {concept.id} stands under {one_above} and {other}, which exclude each other"

    def _note_shared_names(self) -> None:
        owners: dict[str, list[Concept]] = defaultdict(list)
        for concept in self.concepts.values():
            for name in {name.casefold() for name in concept.names}:
                owners[name].append(concept)
        shared = [(name, own) for name, own in owners.items() if len(own) > 1]
        if shared:
            listed = "; ".join(
                f"{name!r}: {own[0].id} ({own[0].place}), {own[1].id} ({own[1].place})"
                for name, own in shared[:MOST_NOTED]
            )
            self.notes.append(
                f"{count_of(len(shared), 'name')} of several concepts, told apart by their context: {listed}"
            )

    def ancestors(self, concept: str) -> list[str]:
        """Give all concepts above one, the nearest first."""
        found: dict[str, None] = {}
        level: Sequence[str] = self.concepts[concept].parents
        while level:
            new = [one for one in dict.fromkeys(level) if one not in found]
            found |= dict.fromkeys(new)
            level = [parent for one in new for parent in self.concepts[one].parents]
        return list(found)

    def exclusions(self) -> set[frozenset[str]]:
        """Give the pairs of concepts that exclude each other."""
        return {
            frozenset((one.id, other))
            for one in self.concepts.values()
            for other in one.excluded
            if one.id != other
        }

    def relations_between(self) -> Mapping[tuple[str, str], tuple[str, ...]]:
        """Give the relations of each ordered pair of concepts that has some, parents and exclusions left out."""
        found: dict[tuple[str, str], list[str]] = defaultdict(list)
        for concept in self.concepts.values():
            for relation, other in concept.relations:
                found[concept.id, other].append(relation)
        return {pair: tuple(sorted(set(own))) for pair, own in found.items()}

    def described(self, concept: str) -> str:
        """Give what describes a concept in words: names, definition, and the names of its neighbours."""
        own = self.concepts[concept]
        near = [self.concepts[one].name for one in (*own.parents, *(other for _, other in own.relations))]
        return " ".join([*own.names, own.definition, *near])
