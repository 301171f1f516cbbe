"""A .txt file: one text per line; or fastText's lines of labels and a text.

A file whose lines all hold as many tabs is a table under another name, which `is_table` tells.
"""

import itertools
from collections.abc import Iterator, Mapping
from typing import Any

from metier.data.formats.batches import Batches, tables_of_records
from metier.data.formats.data_file import GZIP_FAULTS, DataFile
from metier.data.formats.encoding import choose_encoding, undecodable_line

LABEL = "__label__"  # As fastText begins a label.
SAMPLE_LINES = 1_000


def read_lines(file: DataFile, *, encoding: str | None, batch_rows: int) -> Batches:
    """Read every line as a text; a blank line is an empty text, so that answers keep their line numbers."""
    encoding, notes = choose_encoding(file, encoding)
    if _is_fasttext(file, encoding):
        several = any(len(_cut(line)[0]) > 1 for _, line in _lines(file, encoding))
        note = f"{file.origin} is read as fastText's lines: what begins with {LABEL} is a label"
        return Batches(
            tables_of_records(_labelled(file, encoding, several), file=file, batch_rows=batch_rows),
            (*notes, note),
        )
    records = ((number, {"text": line}) for number, line in _lines(file, encoding))
    tables = tables_of_records(records, file=file, batch_rows=batch_rows)
    return Batches(tables, (*notes, f"every line of {file.origin} is a text"))


def is_table(file: DataFile, encoding: str | None) -> bool:
    """Whether two or more lines all hold as many tabs, one at least."""
    encoding, _ = choose_encoding(file, encoding)
    tabs = [line.count("\t") for line in _head(file, encoding) if line.strip()]
    return len(tabs) > 1 and tabs[0] > 0 and len(set(tabs)) == 1


def _is_fasttext(file: DataFile, encoding: str) -> bool:
    head = [line for line in _head(file, encoding) if line.strip()]
    return bool(head) and all(line.startswith(LABEL) for line in head)


def _head(file: DataFile, encoding: str) -> list[str]:
    return [line for _, line in itertools.islice(_lines(file, encoding), SAMPLE_LINES)]


def _labelled(file: DataFile, encoding: str, several: bool) -> Iterator[tuple[int, Mapping[str, Any]]]:
    for number, line in _lines(file, encoding):
        labels, text = _cut(line)
        if several:
            yield number, {"text": text, "labels": labels}
        else:
            yield number, {"text": text, "label": next(iter(labels), None)}


def _cut(line: str) -> tuple[list[str], str]:
    """Give the labels that a line begins with, and its text."""
    labels, rest = [], line.strip()
    while rest.startswith(LABEL):
        label, _, rest = rest.partition(" ")
        labels.append(label.removeprefix(LABEL))
        rest = rest.lstrip()
    return labels, rest


def _lines(file: DataFile, encoding: str) -> Iterator[tuple[int, str]]:
    with file.open_text(encoding, newline="\n") as stream:
        try:
            for number, line in enumerate(stream, 1):
                yield number, line.rstrip("\r\n")
        except UnicodeDecodeError:
            raise undecodable_line(file, encoding) from None
        except GZIP_FAULTS:
            raise file.broken_gzip from None
