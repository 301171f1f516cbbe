"""CoNLL: one token and its tag per line, a blank line between sentences.

Tokens are joined to a text and tags become spans of its characters, so that methods and answers do not depend on
a tokenization. Tokens are joined with a space; in a file that is mostly Chinese, Japanese or Thai, without one,
except between two words of letters.

Tags are BIO (IOB2), IOBES or BILOU. An I- without a B- before it is refused, as it may be a slip or the older IOB1,
where I- begins an entity; with repair it begins one, as in seqeval's lenient mode.

Of several columns of tags, such as outer and inner entities, the reader's caller names one; tags of phrases (B-NP), as
CoNLL 2000 and 2003 have them, are no entities. A line that begins with # and has no tag is a comment.
"""

import itertools
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from metier.data.formats.batches import Batches, tables_of_records
from metier.data.formats.data_file import GZIP_FAULTS, TAG, DataFile
from metier.data.formats.encoding import choose_encoding, undecodable_line
from metier.data.formats.line_faults import LineFaults
from metier.errors import DataError, StrayTagError
from metier.figures import count_of
from metier.text.segmentation import HAN

HEAD_LINES = 2_000
DOCUMENT_START = "-DOCSTART-"
CONTINUING = ("I", "E", "L", "M")  # E and L mark the last token of an entity, S and U a single token.
CLOSING = ("S", "U", "E", "L")
# Han, kana, Thai, Lao, Burmese, Khmer, and the punctuation of these: no space beside them.
_UNSPACED = f"{HAN}\u3000-\u30ff\uff00-\uffef\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff“”‘’…—·"
_unspaced = re.compile(f"[{_UNSPACED}]").match
_blanks = re.compile(r"[ \t]+")
# What chunkers mark, in the column before the entities.
PHRASES = frozenset(["NP", "VP", "PP", "ADVP", "ADJP", "SBAR", "PRT", "CONJP", "INTJ", "LST", "UCP"])
# A third of the letters is most of the text: one Han character corresponds to several letters.
UNSPACED_FRACTION = 1 / 3


@dataclass(frozen=True)
class Layout:
    """Which columns of a file hold tokens and tags, and how its language is written.

    Parameters
    ----------
    delimiter : str or None
        A tab, or None for any run of spaces.
    token, tag, width : int
        Position of the token and of the tag, and how many columns there are.
    spaced : bool
        Whether tokens are joined with a space.
    spans : str
        The name of the column of spans.
    """

    delimiter: str | None
    token: int
    tag: int
    width: int
    spaced: bool
    spans: str = "spans"


def read_conll(
    file: DataFile, *, encoding: str | None, repair: bool, tags: str | None = None, batch_rows: int
) -> Batches:
    """Read sentences as texts with spans.

    Parameters
    ----------
    tags : str, optional
        The column of tags: `column_3` is the third. None: the only one.
    repair : bool
        Whether an I- tag may begin an entity, and lines with a blank token are left out.

    Raises
    ------
    DataError
        If there are several columns of tags, and none is named.
    BrokenRowError
        At the end, if there were lines that are not a token with a tag.
    StrayTagError
        At the end, if there were I- tags without B- and `repair` is off.
    """
    encoding, notes = choose_encoding(file, encoding)
    layout = _layout(file, encoding, tags)
    how = "a space between tokens" if layout.spaced else "no space between tokens"
    columns = f"token in column {layout.token + 1}, tag in column {layout.tag + 1} of {layout.width}"
    notes += (f"{file.origin} is read as CoNLL: {columns}, texts with {how}",)
    if repair:
        notes += ("an I- without a B- before it begins an entity, as in seqeval's lenient mode",)
    late: list[str] = []
    records = _Sentences(file, encoding, layout, repair, late).records()
    return Batches(tables_of_records(records, file=file, batch_rows=batch_rows), notes, late)


def join_tokens(tokens: Sequence[str], *, spaced: bool) -> tuple[str, list[tuple[int, int]]]:
    """Join tokens; gives the text and the offsets of each token in it."""
    text, offsets = "", []
    for token in tokens:
        if text and (spaced or _needs_space(text[-1], token[0])):
            text += " "
        offsets.append((len(text), len(text) + len(token)))
        text += token
    return text, offsets


def spans_of_tags(tags: Sequence[str]) -> tuple[list[tuple[int, int, str]], list[int]]:
    """Give the entities that tags mark, as first token, token after the last, and label.

    Returns
    -------
    entities : list of (int, int, str)
    stray : list of int
        Positions of tags that continue an entity of their label where none is open; they begin one.
    """
    entities: list[tuple[int, int, str]] = []
    stray: list[int] = []
    open_label, begun = None, 0
    for position, tag in enumerate([*tags, "O"]):
        mark, _, label = tag.partition("-")
        continues = mark in CONTINUING and open_label == label
        if open_label is not None and not continues:
            entities.append((begun, position, open_label))
            open_label = None
        if mark == "O":
            continue
        if not continues:
            if mark in CONTINUING:
                stray.append(position)
            open_label, begun = label, position
        if mark in CLOSING:
            entities.append((begun, position + 1, label))
            open_label = None
    return entities, stray


class _Sentences:
    """The sentences of a file, read line by line."""

    def __init__(self, file: DataFile, encoding: str, layout: Layout, repair: bool, late: list[str]):
        self._file, self._encoding, self._layout, self._repair = file, encoding, layout, repair
        self._stray: list[tuple[int, str]] = []  # Line and tag of each I- without a B- before it.
        self._faults, self._n_left_out, self._late = LineFaults(file.origin), 0, late
        self._document = 0

    def records(self) -> Iterator[tuple[int, Mapping[str, Any]]]:
        for lines in self._blocks():
            if lines[0][1].startswith(DOCUMENT_START):
                self._document += 1
                lines = lines[1:]
            record = self._record(lines)
            if record is not None and not self._faults.count:
                yield lines[0][0], record
        self._faults.check()
        if self._n_left_out:
            self._late.append(f"repair left out {count_of(self._n_left_out, 'line')} whose token is blank")
        if self._stray and not self._repair:
            raise self._refusal()

    def _blocks(self) -> Iterator[list[tuple[int, str]]]:
        """Give the numbered lines of each sentence."""
        block: list[tuple[int, str]] = []
        for number, line in _numbered_lines(self._file, self._encoding):
            if line.strip():
                if not _is_comment(line, self._layout):
                    block.append((number, line))
            elif block:
                yield block
                block = []
        if block:
            yield block

    def _record(self, lines: list[tuple[int, str]]) -> dict[str, Any] | None:
        """Give the sentence of some lines; None where none of them can be read."""
        cut = [(number, fields) for number, line in lines if (fields := self._fields(number, line)) is not None]
        if not cut:
            return None
        tokens = [fields[self._layout.token] for _, fields in cut]
        tags = [fields[self._layout.tag] for _, fields in cut]
        text, offsets = join_tokens(tokens, spaced=self._layout.spaced)
        entities, stray = spans_of_tags(tags)
        self._stray += [(cut[position][0], tags[position]) for position in stray]
        spans = [
            {"start": offsets[first][0], "end": offsets[after - 1][1], "label": label}
            for first, after, label in entities
        ]
        record = {"text": text, self._layout.spans: spans, "tokens": tokens}
        return {**record, "document_id": str(self._document)} if self._document else record

    def _fields(self, number: int, line: str) -> list[str] | None:
        """Give the fields of a line; None where it cannot be read or was left out."""
        fields = _cut(line, self._layout.delimiter, self._layout.width)
        if _has_blank_token(line, fields, self._layout):
            if self._repair:
                self._n_left_out += 1
            else:
                self._faults.add(
                    number,
                    "the token is empty.",
                    "Write it, delete the line, or leave such lines out with --repair.",
                )
            return None
        fault = self._fault(line, fields)
        if fault is not None:
            self._faults.add(number, *fault)
            return None
        return fields

    def _fault(self, line: str, fields: list[str]) -> tuple[str, str] | None:
        """Give what is wrong with a line, and what to do."""
        if len(fields) != self._layout.width:
            found = "1 column" if len(fields) == 1 else f"{len(fields)} columns"
            return (
                f"found {found} where the lines before have {self._layout.width} ({line.strip()[:40]!r}).",
                "Write a token and its tag on each line, and a blank line between sentences.",
            )
        if not TAG.fullmatch(fields[self._layout.tag]):
            return (
                f"{fields[self._layout.tag]!r} is not a tag.",
                "Tags are O, or B-, I-, E- or S- before a label, as in B-PER.",
            )
        return None

    def _refusal(self) -> StrayTagError:
        _, tag = self._stray[0]
        others = len(self._stray) - 1
        more = f" (and {count_of(others, 'more tag')} in the file)" if others else ""
        return StrayTagError(
            self._file.origin,
            [number for number, _ in self._stray],
            f"{tag} continues an entity, but none of its label is open before it{more}.",
            remedy=f"Change it to B-{tag.partition('-')[2]}; or, if the file is tagged so that I- may begin an entity "
            "(IOB1), read it with --repair.",
        )


def _layout(file: DataFile, encoding: str, named: str | None) -> Layout:
    """Detect the columns from the first lines."""
    lines = list(itertools.islice(_numbered_lines(file, encoding), HEAD_LINES))
    first = [line for _, line in lines if line.strip() and not line.startswith((DOCUMENT_START, "# "))]
    # A tab at the end of a few lines separates nothing.
    tabbed = sum("\t" in line.rstrip() for line in first)
    delimiter = "\t" if 2 * tabbed > len(first) else None
    cut = [_cut(line, delimiter) for line in first]
    width = next((width for width, _ in Counter(map(len, cut)).most_common(1)), 0)
    cut = [fields for fields in cut if len(fields) == width and not fields[0].startswith("#")] or cut
    tags = [index for index in range(1, width) if all(TAG.fullmatch(fields[index]) for fields in cut[:500])]
    if not tags:
        # Some line is broken. Take the last column for the tags; reading will report the first broken line.
        tags = [max(width - 1, 1)]
    numbered = width > 2 and all(fields[0].isdecimal() for fields in cut)
    token = 1 if numbered else 0
    spaced = is_spaced(fields[token] for fields in cut)
    tag, spans = _column_of_tags(tags, cut, named, file.origin)
    return Layout(delimiter, token, tag, max(width, 2), spaced, spans)


def _column_of_tags(tags: list[int], cut: list[list[str]], named: str | None, origin: str) -> tuple[int, str]:
    """Give the position of the tags, and the name of the column of spans.

    Raises
    ------
    DataError
        If there are several, and none is named.
    """
    columns = {f"column_{index + 1}": index for index in tags}
    if named in columns:
        return columns[str(named)], str(named)
    labels = {
        name: {fields[index].partition("-")[2] for fields in cut if fields[index:] and fields[index] != "O"}
        for name, index in columns.items()
    }
    used = [name for name in columns if labels[name]]
    entities = [name for name in used if not labels[name] <= PHRASES] or used[-1:]
    if len(entities) > 1:
        shown = "; ".join(f"{name} ({', '.join(sorted(labels[name])[:4])})" for name in entities)
        raise DataError(
            f"{origin} has {len(entities)} columns of tags: {shown}. Name one with --role spans={entities[0]}."
        )
    return columns[entities[0]] if entities else tags[-1], "spans"


def is_spaced(tokens: Iterable[str]) -> bool:
    """Whether tokens are of a language that puts a space between words."""
    letters = [character for token in tokens for character in token if character.isalpha()]
    unspaced = sum(1 for letter in letters if _unspaced(letter))
    return unspaced <= UNSPACED_FRACTION * len(letters)


def _cut(line: str, delimiter: str | None, width: int | None = None) -> list[str]:
    """Give the fields of a line; only blanks and tabs separate, as an ideographic space may be a token."""
    if delimiter is None:
        return _blanks.split(line.strip(" \t\r\n"))
    fields = line.rstrip("\r\n").split(delimiter)
    if width is not None and not any(field.strip() for field in fields[width:]):
        return fields[:width]
    return fields


def _has_blank_token(line: str, fields: list[str], layout: Layout) -> bool:
    """Whether a line has a tag and no token: nothing before the tab, or a blank where blanks separate."""
    if len(fields) == layout.width:
        return not fields[layout.token]
    blank = layout.delimiter is None and line[:1] in " \t" and len(fields) == layout.width - 1
    return blank and TAG.fullmatch(fields[-1]) is not None


def _is_comment(line: str, layout: Layout) -> bool:
    """Whether a line begins with a hash and has no tag; a token that is a hash has one."""
    if not line.startswith("#"):
        return False
    fields = _cut(line, layout.delimiter, layout.width)
    return len(fields) != layout.width or not TAG.fullmatch(fields[layout.tag])


def _needs_space(before: str, after: str) -> bool:
    if _unspaced(before) or _unspaced(after):
        return False
    return before.isalnum() and after.isalnum()


def _numbered_lines(file: DataFile, encoding: str) -> Iterator[tuple[int, str]]:
    with file.open_text(encoding, newline="\n") as stream:
        try:
            yield from enumerate(stream, 1)
        except UnicodeDecodeError:
            raise undecodable_line(file, encoding) from None
        except GZIP_FAULTS:
            raise file.broken_gzip from None
