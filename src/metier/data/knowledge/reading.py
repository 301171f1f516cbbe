"""Read a knowledge graph: OBO, tables of concepts and relations, N-Triples; Turtle and other RDF by rdflib."""

import csv
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from metier.data.knowledge.graph import PARENTS, Alias, Concept, KnowledgeGraph, Statement
from metier.data.knowledge.rdf import read_ntriples, read_with_rdflib
from metier.errors import KnowledgeError, UnreadableFileError

ENTITIES, RELATIONS = "entities.csv", "relations.csv"
IDS = ("id", "symbol", "code", "编号", "代码")
NAMES = ("name", "label", "名称")
ALIASES = ("aliases", "alias", "synonyms", "别名")
DEFINITIONS = ("definition", "description", "定义", "描述")
ABOVE = PARENTS | {"parents", "父概念"}  # Columns with the ids of what stands above a concept.
ENDS = (("head", "relation", "tail"), ("subject", "predicate", "object"), ("头", "关系", "尾"))
_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"')
_TAG_OF_LANGUAGE = re.compile(r"^(.*)[:@_]([a-z]{2})$")


def read_knowledge(source: str | Path, *, repair: bool = False) -> KnowledgeGraph:
    """Read a graph, by the ending of its file.

    Parameters
    ----------
    source : path
        `.obo`; `.nt`; `.ttl`, `.rdf`, `.owl`, `.xml` or `.jsonld` (these by rdflib: `metier[knowledge]`); `.csv` with
        concepts (id, name, aliases and parents separated by `|`, definition) or triples (head, relation, tail); or a folder
        with `entities.csv` and perhaps `relations.csv`.
    repair : bool, default=False
        Whether statements about concepts that are not there are left out.

    Raises
    ------
    UnreadableFileError
        If there is no such file, or its ending is none of these.
    KnowledgeError
        If it has faults, each with file and line.
    MissingExtraError
        If rdflib is needed and not installed.
    """
    path = Path(source)
    if not path.exists():
        raise UnreadableFileError(f"There is no file or folder {path}. Check the path.")
    if path.is_dir():
        return KnowledgeGraph(_of_folder(path), origin=str(path), repair=repair)
    suffix = path.suffix.lower()
    reader = READERS.get(suffix)
    if reader is None:
        raise UnreadableFileError(
            f"{path} is no knowledge graph by its ending; expected one of {', '.join(READERS)}, or a folder with "
            f"{ENTITIES} and {RELATIONS}. Rename it, or convert it."
        )
    return KnowledgeGraph(reader(path), origin=str(path), repair=repair)


def _of_folder(folder: Path) -> list[Concept]:
    if not (folder / ENTITIES).exists():
        raise UnreadableFileError(
            f"{folder} holds no {ENTITIES}. Name the table of concepts so (columns id, name, aliases, definition)."
        )
    concepts = {one.id: one for one in _read_table(folder / ENTITIES)}
    faults = []
    if (folder / RELATIONS).exists():
        for head, statement in _statements(folder / RELATIONS):
            if head in concepts:
                concepts[head].statements.append(statement)
            else:
                faults.append(f"{statement.place}: {head!r} is not there")
    if faults:
        raise KnowledgeError(faults[:10], n_faults=len(faults), origin=str(folder))
    return list(concepts.values())


def _rows(path: Path) -> Iterator[tuple[int, dict[str, str]]]:
    """Give the line and the cells of each row, by the names of the columns in lower case."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file)
            names = [name.strip().casefold() for name in next(reader, [])]
            for row in reader:
                if row:
                    yield reader.line_num, dict(zip(names, (cell.strip() for cell in row), strict=False))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UnreadableFileError(
            f"{path} cannot be read ({error}). Expected a comma-separated table in UTF-8."
        ) from None


def _read_table(path: Path) -> list[Concept]:
    """Read concepts, or the concepts of triples: which are called what they are named by."""
    first = next((row for _, row in _rows(path)), {})
    if any(set(ends) <= first.keys() for ends in ENDS):
        return _of_triples(path)
    columns = {
        "id": next((name for name in IDS if name in first), None),
        "name": next((name for name in NAMES if name in first), None),
    }
    if columns["id"] is None or columns["name"] is None:
        raise UnreadableFileError(
            f"{path} has the columns {', '.join(first) or 'none'}; expected id and name (and aliases, definition), or "
            "head, relation and tail."
        )
    return [_concept(row, columns["id"], columns["name"], f"{path}, line {line}") for line, row in _rows(path)]


def _concept(row: Mapping[str, str], id_column: str, name_column: str, place: str) -> Concept:
    concept = Concept(row.get(id_column, ""), row.get(name_column, "") or row.get(id_column, ""), place)
    described = []
    for column, cell in row.items():
        tagged = _TAG_OF_LANGUAGE.match(column)
        stem, language = (tagged[1], tagged[2]) if tagged else (column, None)
        if stem in ALIASES or (language is not None and stem in NAMES):
            pieces = (piece.strip() for piece in cell.split("|"))
            concept.aliases += [Alias(piece, language) for piece in pieces if piece]
        elif column in ABOVE:
            ids = (piece.strip() for piece in cell.split("|"))
            concept.statements += [Statement("is_a", one, place) for one in ids if one]
        elif column not in (id_column, name_column) and cell:
            described.append(cell)
    concept.definition = " ".join(described)  # Whatever else the table says describes it, too.
    return concept


def _statements(path: Path) -> Iterator[tuple[str, Statement]]:
    for line, row in _rows(path):
        ends = next((names for names in ENDS if set(names) <= row.keys()), None)
        if ends is None:
            raise UnreadableFileError(
                f"{path} has the columns {', '.join(row)}; expected head, relation and tail."
            )
        head, relation, tail = (row[name] for name in ends)
        yield head, Statement(relation, tail, f"{path}, line {line}")


def _of_triples(path: Path) -> list[Concept]:
    concepts: dict[str, Concept] = {}
    for head, statement in _statements(path):
        for own in (head, statement.target):
            concepts.setdefault(own, Concept(own, own, statement.place))
        concepts[head].statements.append(statement)
    return list(concepts.values())


def _read_obo(path: Path) -> list[Concept]:
    """Read the terms of an OBO 1.4 file; obsolete ones are left out."""
    concepts: list[Concept] = []
    current: Concept | None = None
    obsolete: set[str] = set()
    try:
        lines = path.read_text("utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UnreadableFileError(f"{path} cannot be read ({error}). Expected OBO in UTF-8.") from None
    for number, line in enumerate(lines, start=1):
        place, line = f"{path}, line {number}", line.strip()
        if line.startswith("["):
            current = Concept("", "", place) if line == "[Term]" else None
            concepts += [] if current is None else [current]
            continue
        tag, separator, value = line.partition(":")
        if current is not None and separator:
            _obo_line(current, tag, value.strip(), place)
            if (tag, value.strip()) == ("is_obsolete", "true"):
                obsolete.add(current.id)
    nameless = [f"{one.place}: a term has no id" for one in concepts if not one.id]
    if nameless:
        raise KnowledgeError(nameless[:10], n_faults=len(nameless), origin=str(path))
    for one in concepts:
        one.name = one.name or one.id
    return [one for one in concepts if one.id not in obsolete]


def _obo_line(concept: Concept, tag: str, value: str, place: str) -> None:
    plain = value.partition(" !")[0].partition(" {")[0].strip()
    if tag == "id":
        concept.id = plain
    elif tag == "name":
        concept.name = value
    elif tag == "def" and (found := _QUOTED.match(value)):
        concept.definition = found[1].replace('\\"', '"')
    elif tag == "synonym" and (found := _QUOTED.match(value)):
        concept.aliases.append(Alias(found[1].replace('\\"', '"')))
    elif tag in ("is_a", "disjoint_from"):
        concept.statements.append(Statement(tag, plain, place))
    elif tag == "relationship" and len(parts := plain.split()) >= 2:
        concept.statements.append(Statement(parts[0], parts[1], place))


READERS: Mapping[str, Callable[[Path], list[Concept]]] = {
    ".obo": _read_obo,
    ".csv": _read_table,
    ".nt": read_ntriples,
    ".ttl": read_with_rdflib,
    ".rdf": read_with_rdflib,
    ".owl": read_with_rdflib,
    ".xml": read_with_rdflib,
    ".jsonld": read_with_rdflib,
}
