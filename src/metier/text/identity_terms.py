"""Words that name groups of people, and a text with those of another group in their place.

A text is used for a kind (gender, religion, ...) where it names one group of it alone: then every such word is exchanged at
once, so that "he ... his" becomes "she ... her". Of a text that names two groups ("he told her") nobody could say which
persons are meant, so it is left out. A table of words is short of what people are called, and no change of words changes a
person: this intervenes on the text alone.
"""

import functools
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal

import numpy as np
import yaml
from pydantic import BaseModel, Field, ValidationError

from metier.errors import CallError
from metier.given_files import FileFaultError, given_yaml
from metier.text.offsets import Edit, Offsets, apply_edits, is_free
from metier.text.segmentation import has_han, word_offsets

OWN_TABLE = "identity_terms.yaml"
PERSON, WORD, END = "person", "word", "end"
# After these no word follows that a possessive belongs to: "asked her to", "her and".
_FUNCTION_WORDS = (
    "a about after all an and are as at because been before but by did do for from had has have how if in into is it no "
    "not of off on or out over so than that the then there they this to too up very was we were what when where who why "
    "will with would you yesterday today again"
)
FUNCTION_WORDS = frozenset(_FUNCTION_WORDS.split())
_next_word = re.compile(r"\s+([^\W\d_][\w'’-]*)").match
_article = re.compile(r"(?<!\w)(an?)(\s+)$", re.IGNORECASE).search


class Form(BaseModel, frozen=True, extra="forbid"):
    """One word of each group that can stand in the same place."""

    words: tuple[str, ...]
    before: Literal["person", "word", "end"] | None = None


class Kind(BaseModel, frozen=True, extra="forbid"):
    """What the groups differ in, such as religion."""

    groups: tuple[str, ...] = Field(min_length=2)
    forms: tuple[Form, ...] = Field(min_length=1)


class Table(BaseModel, frozen=True, extra="forbid"):
    """All kinds by name."""

    people: tuple[str, ...] = ()
    kinds: dict[str, Kind] = Field(min_length=1)


@dataclass(frozen=True)
class Substitution:
    """A text that names one group, with each group in its place.

    Parameters
    ----------
    group : int
        Position of the group that it names, among the groups of the kind.
    texts : tuple of str
        The text for each group; that at `group` is the text itself.
    edits : tuple of list of Edit
        What was done for each.
    """

    group: int
    texts: tuple[str, ...]
    edits: tuple[list[Edit], ...]


class IdentityTerms:
    """The words of one kind, and how they are exchanged.

    Parameters
    ----------
    name : str
        Of the kind.
    kind : Kind
    people : sequence of str
        Words for people, which some words have to stand before.
    """

    def __init__(self, name: str, kind: Kind, people: Sequence[str] = ()):
        self.name, self.groups = name, kind.groups
        self._forms: dict[str, list[tuple[int, Form]]] = {}
        for form in kind.forms:
            for group, word in enumerate(form.words):
                self._forms.setdefault(word.lower(), []).append((group, form))
        self._find = re.compile("|".join(map(_pattern, sorted(self._forms, key=len, reverse=True))), re.I)
        self._people = frozenset(word.lower() for word in people)

    @property
    def words(self) -> tuple[str, ...]:
        """All words that are looked for, in lower case."""
        return tuple(sorted(self._forms))

    def substituted(self, text: str) -> Substitution | None:
        """Give the text with each group in its place; None where it names none, or more than one."""
        found = list(self._named(text))
        named = {group for _, _, group, _ in found}
        if len(named) != 1:
            return None
        edits = tuple(
            [_edit(text, start, end, form.words[other]) for start, end, group, form in found if group != other]
            for other in range(len(self.groups))
        )
        return Substitution(named.pop(), tuple(apply_edits(text, one) for one in edits), edits)

    def _named(self, text: str) -> Iterator[tuple[int, int, int, Form]]:
        starts, ends = _boundaries(text)
        for match in self._find.finditer(text):
            start, end = match.span()
            if has_han(match[0]) and not (start in starts and end in ends):
                continue
            for group, form in self._forms[match[0].lower()]:
                if self._stands_before(text, end, form.before):
                    yield start, end, group, form
                    break

    def _stands_before(self, text: str, end: int, before: str | None) -> bool:
        if before is None:
            return True
        found = _next_word(text, end)
        following = "" if found is None else found[1].lower()
        if before == PERSON:
            return following in self._people
        belongs = bool(following) and following not in FUNCTION_WORDS
        return belongs if before == WORD else not belongs


def read_identity_terms(path: str | Path | None = None) -> tuple[IdentityTerms, ...]:
    """Read a table of identity terms; None: our own, in English and Chinese.

    Raises
    ------
    CallError
        If the file is missing or no such table: which entry, and what was expected.
    """
    return _own() if path is None else _parsed(Path(path))


@functools.cache
def _own() -> tuple[IdentityTerms, ...]:
    return _terms(yaml.safe_load((files("metier.text") / OWN_TABLE).read_text("utf-8")), OWN_TABLE)


def _parsed(path: Path) -> tuple[IdentityTerms, ...]:
    try:
        found = given_yaml(path)
    except FileNotFoundError:
        raise CallError(f"There is no file of identity terms {path}. Check its path.") from None
    except FileFaultError as error:
        raise CallError(
            f"{path} cannot be read as YAML ({error}). Expected kinds, each with groups and forms."
        ) from None
    return _terms(found, str(path))


def _terms(found: Any, origin: str) -> tuple[IdentityTerms, ...]:
    try:
        table = Table.model_validate(_with_forms(found))
    except ValidationError as error:
        fault = error.errors()[0]
        place = ".".join(map(str, fault["loc"])) or "the file"
        raise CallError(
            f"{origin}, {place}: {fault['msg']}. Expected kinds, each with groups and forms: a form is a list of one word "
            "for each group."
        ) from None
    for name, kind in table.kinds.items():
        for form in kind.forms:
            if len(form.words) != len(kind.groups) or not all(word.strip() for word in form.words):
                raise CallError(
                    f"{origin}, {name}: the form {', '.join(form.words)} has {len(form.words)} words for "
                    f"{len(kind.groups)} groups. Give one word for each group, in their order."
                )
    return tuple(IdentityTerms(name, kind, table.people) for name, kind in table.kinds.items())


def _with_forms(found: Any) -> Any:
    """Give the table with each form that is a list written out."""
    kinds = found.get("kinds") if isinstance(found, Mapping) else None
    if not isinstance(kinds, Mapping):
        return found
    written = {str(name): _with_words(kind) for name, kind in kinds.items()}
    return {**found, "kinds": written}


def _with_words(kind: Any) -> Any:
    if not isinstance(kind, Mapping) or not isinstance(kind.get("forms"), list):
        return kind
    forms = [{"words": one} if isinstance(one, list) else one for one in kind["forms"]]
    return {**kind, "forms": forms}


def _pattern(word: str) -> str:
    escaped = re.escape(word)
    return escaped if has_han(word) else rf"(?<!\w){escaped}(?![\w-])"


def _boundaries(text: str) -> tuple[frozenset[int], frozenset[int]]:
    if not has_han(text):
        return frozenset(), frozenset()
    pairs = word_offsets(text)
    return frozenset(start for start, _ in pairs), frozenset(end for _, end in pairs)


def _edit(text: str, start: int, end: int, word: str) -> Edit:
    """Replace a word in the case that it had, and the article before it: a Muslim, an Indian."""
    found = text[start:end]
    if found.isupper() and len(found) > 1:
        word = word.upper()
    elif found[:1].isupper() and word[:1].islower():
        word = word[:1].upper() + word[1:]
    article = _article(text[:start])
    if article is None or has_han(word):
        return Edit(start, end, word)
    written = "an" if word[:1].lower() in "aeiou" and not word.lower().startswith("eu") else "a"
    written = written.capitalize() if article[1][0].isupper() else written
    return Edit(article.start(), end, written + article[2] + word)


def name_others(text: str, kept: Sequence[Offsets], random: np.random.Generator) -> list[Edit]:
    """Name another group of one of the kinds that a text names one group of, drawn at random; none where it names none."""
    found = [one for kind in read_identity_terms() if (one := kind.substituted(text)) is not None]
    if not found:
        return []
    picked = found[int(random.integers(len(found)))]
    others = [group for group in range(len(picked.texts)) if group != picked.group]
    edits = picked.edits[others[int(random.integers(len(others)))]]
    return edits if all(is_free((edit.start, edit.end), kept) for edit in edits) else []
