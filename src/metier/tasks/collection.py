"""The collection of a search: its texts or images, and queries with known answers."""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Self

from metier.errors import DataError, EmptyDataError
from metier.image.picture import Picture
from metier.tasks.inputs.pair import Pair

ID_DIGITS = 12  # Of a hash: two of a million texts share one with a chance of 1 in 500.


@dataclass(frozen=True)
class Collection:
    """Texts that can be found, or images.

    Parameters
    ----------
    texts : tuple of str
        Of images the text that stands beside each, or its name.
    ids : tuple of str
        Of each text or image; texts that answer the same may share one.
    images : tuple of str
        The name of each image as its file of rows has it; empty where texts are searched.
    pictures : tuple of Picture
        Where each image is on this machine; a sealed collection has none.
    hidden : frozenset of str
        Ids of images that are learned from and not searched.
    """

    texts: tuple[str, ...]
    ids: tuple[str, ...]
    images: tuple[str, ...] = ()
    pictures: tuple[Picture, ...] = ()
    hidden: frozenset[str] = frozenset()

    def __len__(self) -> int:
        return len(self.texts)

    @classmethod
    def of_passages(cls, passages: Iterable[str]) -> Self:
        """Every passage once, by the id that its words give it."""
        texts = tuple(dict.fromkeys(passages))
        return cls(texts, tuple(map(passage_id, texts)))

    @classmethod
    def of_images(cls, found: Iterable["FoundImage"], *, hidden: frozenset[str] = frozenset()) -> Self:
        """Every image once, by the id that its content gives it."""
        kept = list({image.id: image for image in found}.values())
        texts, ids, images, pictures = zip(*kept, strict=True) if kept else ((), (), (), ())
        return cls(texts, ids, images, pictures, hidden)

    @property
    def searched(self) -> Self:
        """What is searched of it."""
        if not self.hidden:
            return self
        return self.of_images(image for image in self.found_images if image.id not in self.hidden)

    @property
    def found_images(self) -> list["FoundImage"]:
        """The images, one by one."""
        return [
            FoundImage(*parts) for parts in zip(self.texts, self.ids, self.images, self.pictures, strict=True)
        ]


class FoundImage(NamedTuple):
    """One image of a collection; see `Collection`."""

    text: str
    id: str
    name: str
    picture: Picture


@dataclass(frozen=True)
class KnownSearches:
    """A collection with queries whose answers are known.

    Parameters
    ----------
    texts : tuple of str
        The collection.
    ids : tuple of str
        Of each text; texts that answer the same share one.
    queries : tuple of str
    relevant : tuple of frozenset of str
        For each query, the ids that answer it.
    """

    texts: tuple[str, ...]
    ids: tuple[str, ...]
    queries: tuple[str, ...]
    relevant: tuple[frozenset[str], ...]

    def __post_init__(self) -> None:
        """Refuse what cannot be measured."""
        known = set(self.ids)
        for row, ids in enumerate(self.relevant, start=1):
            if not ids & known:
                raise EmptyDataError(
                    f"Nothing in the collection answers query {row}, {self.queries[row - 1]!r}: expected one of "
                    f"the ids {', '.join(sorted(map(repr, ids))[:3]) or '(none given)'}. Add its answer to the "
                    "collection, or leave the query out."
                )

    @classmethod
    def of_labels(
        cls, texts: Sequence[str], labels: Sequence[str], queries: Sequence[str], query_labels: Sequence[str]
    ) -> Self:
        """Rows of a labelled file: texts of the query's label answer it."""
        relevant = tuple(frozenset([label]) for label in query_labels)
        return cls(tuple(texts), tuple(labels), tuple(queries), relevant)

    @classmethod
    def of_pairs(cls, pairs: Sequence[Pair]) -> Self:
        """Pairs of a query and its answer: every second text, once, is the collection.

        A query that stands in several pairs has several answers.
        """
        collection = Collection.of_passages(pair.text_pair for pair in pairs)
        answers: dict[str, set[str]] = {}
        for pair in pairs:
            answers.setdefault(pair.text, set()).add(passage_id(pair.text_pair))
        return cls(collection.texts, collection.ids, tuple(answers), tuple(map(frozenset, answers.values())))

    @property
    def positions(self) -> list[frozenset[int]]:
        """For each query, the positions in the collection of all texts that answer it."""
        of_id: dict[str, list[int]] = {}
        for position, name in enumerate(self.ids):
            of_id.setdefault(name, []).append(position)
        return [
            frozenset(position for name in ids for position in of_id.get(name, ())) for ids in self.relevant
        ]


def passage_id(text: str) -> str:
    """Give the id of a passage: of its words alone, so it is the same in every collection."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:ID_DIGITS]


def as_relevant(y: Iterable[Any]) -> list[frozenset[str]]:
    """Give the ids that answer each query, of targets that are an id or a list of ids."""
    return [frozenset([ids] if isinstance(ids, str) else map(str, ids)) for ids in y]


def collection_of(collection: Collection | None, X: Sequence[str], y: Sequence[Any]) -> Collection:
    """Give what a method searches: the collection it was given, else the very texts it learns from.

    Raises
    ------
    DataError
        If there is no collection and a text has not exactly one id.
    """
    if collection is not None:
        return collection
    relevant = as_relevant(y)
    faulty = next((row for row, ids in enumerate(relevant, start=1) if len(ids) != 1), None)
    if faulty is not None:
        raise DataError(
            f"Row {faulty} has {len(relevant[faulty - 1])} ids, and without a collection the rows search one "
            "another by one id each. Give the collection, or one id a row."
        )
    return Collection(tuple(X), tuple(next(iter(ids)) for ids in relevant))


def known_pairs(collection: Collection, X: Sequence[str], y: Sequence[Any]) -> list[Pair]:
    """Give pairs that belong together, as a method of vectors learns from them: a query and each of its answers.

    Where the id of a query is shared by many texts, as a label is, it is paired with the next of them: round the
    circle of a label every row is asked once and answers once.
    """
    places: dict[str, list[str]] = {}
    for text, name in zip(collection.texts, collection.ids, strict=True):
        places.setdefault(name, []).append(text)
    following: dict[tuple[str, str], str] = {
        (name, text): own[(place + 1) % len(own)]
        for name, own in places.items()
        for place, text in enumerate(own)
    }
    pairs = []
    for row, (query, ids) in enumerate(zip(X, as_relevant(y), strict=True)):
        for name in sorted(ids):
            own = places.get(name, [])
            if own:
                answer = following.get((name, query), own[row % len(own)])
                pairs += [Pair(query, answer)] if query.strip() and answer.strip() and answer != query else []
    return pairs
