"""Features of the dependency path between two entities, as strings.

The shortest dependency path has nearly all words that express a relation (Bunescu and Mooney, "A shortest path
dependency kernel for relation extraction", 2005), and skips the clauses between them in the text.
"""

import itertools
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from metier.features.relation_features import SURROUNDINGS
from metier.text.parsing import parsing

# Entities further apart are rarely in one sentence, and parsing would not pay.
FURTHEST = 2 * SURROUNDINGS
_DOCUMENTS_AT_ONCE = 512


def syntax_features(items: Sequence[Mapping[str, Any]]) -> Iterator[list[str]]:
    """Give the parse features of each item; none for entities too far apart.

    Raises
    ------
    MissingExtraError
        If spaCy or its English model is not installed.
    """
    for start in range(0, len(items), _DOCUMENTS_AT_ONCE):
        some = items[start : start + _DOCUMENTS_AT_ONCE]
        pieces = [_window(item) for item in some]
        with parsing([text for text, _, _ in pieces]) as documents:
            found = [
                _features(document, head, tail) if document.text else []
                for document, (_, head, tail) in zip(documents, pieces, strict=True)
            ]
        yield from found


def _window(item: Mapping[str, Any]) -> tuple[str, tuple[int, int], tuple[int, int]]:
    """Give the text around both entities and their offsets in it; an empty text where they are far apart."""
    entities = item["head"], item["tail"]
    first, last = min(start for start, _ in entities), max(end for _, end in entities)
    if last - first > FURTHEST:
        return "", (0, 0), (0, 0)
    start = max(0, first - SURROUNDINGS)
    head, tail = ((begin - start, end - start) for begin, end in entities)
    return item["text"][start : last + SURROUNDINGS], head, tail


def _features(document: Any, head: tuple[int, int], tail: tuple[int, int]) -> list[str]:
    ends = [document.char_span(*entity, alignment_mode="expand").root for entity in (head, tail)]
    source, target = ends
    features = [f"tags {source.tag_}|{target.tag_}"]
    for name, token in zip(("head", "tail"), ends, strict=True):
        features += [f"{name} role {token.dep_}", f"{name} lemma {_lemma(token)}"]
    path = _path(source, target)
    return features + (["path none"] if path is None else _of_path(*path, source, target))


def _path(source: Any, target: Any) -> tuple[list[Any], Any, list[Any]] | None:
    """Give the tokens below the common ancestor on either side, and the ancestor; None in different sentences."""
    up, other = ([token, *token.ancestors] for token in (source, target))
    heights = {token.i: height for height, token in enumerate(other)}
    for height, token in enumerate(up):
        if token.i in heights:
            return up[:height], token, other[: heights[token.i]][::-1]
    return None


def _of_path(rise: list[Any], top: Any, fall: list[Any], source: Any, target: Any) -> list[str]:
    roles = [f"^{token.dep_}" for token in rise] + ["*"] + [f"v{token.dep_}" for token in fall]
    between = [token for token in (*rise, top, *fall) if token.i not in (source.i, target.i)]
    lemmas = [_lemma(token) for token in between]
    steps = [f"^{token.dep_}:{_lemma(token.head)}" for token in rise]
    steps += [f"v{token.dep_}:{_lemma(token.head)}" for token in fall]
    return [
        f"path roles {' '.join(roles)}",
        f"path lemmas {' '.join(lemmas)}",
        f"path length {len(roles)}",
        f"path whole {' '.join(roles)}|{' '.join(lemmas)}",
        *(f"path word {lemma}" for lemma in lemmas),
        *(f"path step {step}" for step in steps),
        *(f"path words {one} {other}" for one, other in itertools.pairwise(lemmas)),
    ]


def _lemma(token: Any) -> str:
    return str(token.lemma_).lower()
