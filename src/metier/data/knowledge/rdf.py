"""RDF as concepts: labels, alternative labels and definitions by the usual vocabularies; links are relations."""

import importlib
import re
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from metier.data.knowledge.graph import Alias, Concept, Statement
from metier.errors import KnowledgeError, MissingExtraError, UnreadableFileError

# By the last part of a property's address: RDFS, SKOS, OWL and the annotations of OBO.
_NAMES = frozenset({"label", "prefLabel"})
_ALIASES = frozenset({"altLabel", "hiddenLabel", "hasExactSynonym", "hasRelatedSynonym", "alternateName"})
_DEFINITIONS = frozenset({"definition", "comment", "IAO_0000115", "description"})
_RELATIONS = {"subClassOf": "is_a", "broader": "is_a", "disjointWith": "disjoint_from"}
_LEFT_OUT = frozenset({"type", "inScheme", "topConceptOf", "isDefinedBy", "imports"})
_LINE = re.compile(
    r"\s*(<[^>]*>|_:\S+)\s+<([^>]*)>\s+(?:(<[^>]*>|_:\S+)|\"((?:[^\"\\]|\\.)*)\"(?:@([A-Za-z-]+)|\^\^<[^>]*>)?)\s*\.\s*(?:#.*)?"
)
_ESCAPE = re.compile(r"\\(u[0-9A-Fa-f]{4}|U[0-9A-Fa-f]{8}|.)")
_PLAIN = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f"}


class Fact(NamedTuple):
    """A triple of RDF: subject, property, and another subject or a text with its language; and where it stands."""

    subject: str
    property: str
    target: str | None
    text: str | None
    language: str | None
    place: str


def read_ntriples(path: Path) -> list[Concept]:
    """Read N-Triples line by line.

    Raises
    ------
    KnowledgeError
        If lines are none, with file and line.
    UnreadableFileError
        If the file cannot be read.
    """
    try:
        lines = path.read_text("utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UnreadableFileError(f"{path} cannot be read ({error}). Expected N-Triples in UTF-8.") from None
    facts, faults = [], []
    for number, line in enumerate(lines, start=1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        place, found = f"{path}, line {number}", _LINE.fullmatch(line)
        if found is None:
            faults.append(f"{place}: {line.strip()[:60]!r} is no triple")
            continue
        subject, named, target, text, language = found.groups()
        text = None if text is None else _unescaped(text)
        facts.append(
            Fact(_short(subject), named, None if target is None else _short(target), text, language, place)
        )
    if faults:
        raise KnowledgeError(faults[:10], n_faults=len(faults), origin=str(path))
    return concepts_of(facts)


def read_with_rdflib(path: Path) -> list[Concept]:
    """Read Turtle, RDF/XML or JSON-LD.

    Raises
    ------
    MissingExtraError
        If rdflib is not installed.
    UnreadableFileError
        If it cannot read the file.
    """
    try:
        rdflib = importlib.import_module("rdflib")
    except ModuleNotFoundError:
        raise MissingExtraError(f"Reading {path.suffix}", extra="knowledge") from None
    graph = rdflib.Graph()
    kind = {".ttl": "turtle", ".jsonld": "json-ld"}.get(path.suffix.lower(), "xml")
    try:
        graph.parse(str(path), format=kind)
    except Exception as error:  # Each of its parsers raises its own.
        raise UnreadableFileError(f"{path} cannot be read as RDF ({error}). Fix it, or convert it.") from None
    facts = []
    for subject, named, value in sorted(graph):
        is_text = isinstance(value, rdflib.Literal)
        facts.append(
            Fact(
                _short(str(subject)),
                str(named),
                None if is_text else _short(str(value)),
                str(value) if is_text else None,
                value.language if is_text else None,
                str(path),
            )
        )
    return concepts_of(facts)


def concepts_of(facts: Iterable[Fact]) -> list[Concept]:
    """Put facts together by their subjects; what is only pointed at and has no name of its own is no concept."""
    concepts: dict[str, Concept] = {}
    links: list[Fact] = []
    for fact in facts:
        name = _last_part(fact.property)
        if fact.target is not None:
            links += [] if name in _LEFT_OUT else [fact]
            continue
        if name in _NAMES | _ALIASES | _DEFINITIONS and fact.text:
            concept = concepts.setdefault(fact.subject, Concept(fact.subject, "", fact.place))
            _add_text(concept, name, fact)
    for link in links:
        assert link.target is not None
        if link.subject.startswith("_:") or link.target.startswith("_:"):
            continue  # A nameless node: a restriction of OWL, which is no concept.
        concept = concepts.setdefault(link.subject, Concept(link.subject, "", link.place))
        relation = _last_part(link.property)
        concept.statements.append(Statement(_RELATIONS.get(relation, relation), link.target, link.place))
    for concept in concepts.values():
        concept.name = concept.name or _last_part(concept.id)
    return list(concepts.values())


def _add_text(concept: Concept, name: str, fact: Fact) -> None:
    assert fact.text is not None
    if name in _DEFINITIONS:
        concept.definition = f"{concept.definition} {fact.text}".strip()
    elif name in _NAMES and not concept.name:
        concept.name = fact.text
    else:
        concept.aliases.append(Alias(fact.text, fact.language))


def _short(address: str) -> str:
    return address[1:-1] if address.startswith("<") else address


def _last_part(address: str) -> str:
    return re.split(r"[#/:]", address)[-1]


def _unescaped(text: str) -> str:
    def one(found: re.Match[str]) -> str:
        mark = found[1]
        return chr(int(mark[1:], 16)) if len(mark) > 1 else _PLAIN.get(mark, mark)

    return _ESCAPE.sub(one, text)
