"""Rows: an Arrow table and the roles of its columns.

Arrow keeps texts outside Python: two million rows stay on disk, memory-mapped, and a text becomes a Python
string only on access. `Texts` is the list-like view that methods take.
"""

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, overload

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from metier.data.columns.audio_columns import audio_faults, is_heard
from metier.data.columns.file_names import folder_of
from metier.data.columns.image_columns import column_faults, image_files, pictures_of
from metier.errors import MissingColumnError, MissingLabelError
from metier.figures import count_of
from metier.image.likeness import look_at
from metier.image.picture import Picture
from metier.speech.survey import sound_of
from metier.text.given_texts import StoredTexts

# Roles: inputs are what a prediction is made from, targets are what is learned; the others are for splitting.
INPUT_ROLES = ("text", "text_pair", "question", "head", "tail", "messages", "image", "image_pair", "audio")
TARGET_ROLES = ("label", "labels", "spans", "relations", "answers", "score", "target")
# Roles with their own flag; the others are named with `--role`.
FLAGGED_ROLES = ("text", "label", "group", "time", "split")
_SPAN = pa.struct([("start", pa.int32()), ("end", pa.int32()), ("label", pa.string())])
_RELATION = pa.struct([("head", pa.int32()), ("tail", pa.int32()), ("label", pa.string())])
_ENTITY = pa.struct([("start", pa.int32()), ("end", pa.int32()), ("type", pa.string())])
_ANSWER = pa.struct([("text", pa.string()), ("start", pa.int32())])
_MESSAGE = pa.struct([("role", pa.string()), ("content", pa.string())])
# The Arrow type of each role's column, where it is not string; offsets count characters of the text.
COLUMN_TYPES: dict[str, pa.DataType] = {
    "labels": pa.list_(pa.string()),
    "spans": pa.list_(_SPAN),
    "relations": pa.list_(_RELATION),
    "head": _ENTITY,
    "tail": _ENTITY,
    "answers": pa.list_(_ANSWER),
    "score": pa.float64(),
    "messages": pa.list_(_MESSAGE),
}


@dataclass(frozen=True)
class Roles:
    """The column of each role; None where no column has it.

    Parameters
    ----------
    text : str
        The main text; for questions the passage, for conversations the last user turn. Rows of images alone have no
        text: it is then the column of `image`, whose values are what is shown of a row; and that of `audio` where
        recordings were not heard yet.
    label : str, optional
        One label per row.
    group, time, split : str, optional
        Group that must stay in one split, time of the row, and its split.
    text_pair : str, optional
        The other text of a pair.
    labels : str, optional
        Any number of labels per row.
    spans : str, optional
        Spans of the text with their labels.
    relations : str, optional
        Relations between these spans: the numbers of two spans of the row, from 0, and a label.
    head, tail : str, optional
        The two entities of the text whose relation is the label.
    question, answers : str, optional
        A question about the text, and its answers as spans of the text; an empty list: unanswerable.
    score : str, optional
        A number per row.
    target : str, optional
        The target text.
    messages : str, optional
        A conversation up to the last user turn.
    image : str, optional
        The path of an image, relative to the folder of the file that names it; of several images their JSON list.
    image_pair : str, optional
        The image of the other side of a pair, as `image`.
    audio : str, optional
        The path of a recording, relative to the folder of the file that names it.
    """

    text: str
    label: str | None = None
    group: str | None = None
    time: str | None = None
    split: str | None = None
    text_pair: str | None = None
    labels: str | None = None
    spans: str | None = None
    relations: str | None = None
    head: str | None = None
    tail: str | None = None
    question: str | None = None
    answers: str | None = None
    score: str | None = None
    target: str | None = None
    messages: str | None = None
    image: str | None = None
    image_pair: str | None = None
    audio: str | None = None

    def column_of(self, role: str) -> str | None:
        """Give the column of a role; None where no column has it. Raises KeyError for what is not a role."""
        column: str | None = asdict(self)[role]
        return column

    @property
    def named(self) -> dict[str, str]:
        """The column of each role that has one."""
        return {role: column for role, column in asdict(self).items() if column is not None}

    @property
    def targets(self) -> tuple[str, ...]:
        """The target roles that have a column."""
        return tuple(role for role in TARGET_ROLES if role in self.named)


def flag(role: str) -> str:
    """Give the flag to name the column of a role: `--text`, or `--role text_pair=COLUMN`."""
    return f"--{role}" if role in FLAGGED_ROLES else f"--role {role}=COLUMN"


class Texts(StoredTexts):
    """The texts of rows, read from Arrow on access: a read-only list of str."""

    def __init__(self, column: pa.ChunkedArray):
        self._column = column

    def __len__(self) -> int:
        return len(self._column)

    @overload
    def __getitem__(self, index: int) -> str: ...
    @overload
    def __getitem__(self, index: slice) -> "Texts": ...
    def __getitem__(self, index: int | slice) -> "str | Texts":
        if isinstance(index, slice):
            start, stop, step = index.indices(len(self))
            if step != 1:
                return Texts(self._column.take(pa.array(range(start, stop, step))))
            return Texts(self._column.slice(start, max(stop - start, 0)))
        return self._column[index].as_py() or ""

    def __iter__(self) -> Iterator[str]:
        for chunk in self._column.chunks:
            for start in range(0, len(chunk), 10_000):
                for text in chunk.slice(start, 10_000).to_pylist():
                    yield text or ""

    def __repr__(self) -> str:
        return f"<{count_of(len(self), 'text')}>"


class Rows:
    """Examples with roles; immutable.

    Parameters
    ----------
    table : pyarrow.Table
        One example per row; columns with roles have the types of `COLUMN_TYPES`, or string.
    roles : Roles
        The roles of the columns.
    origin : str
        Source of the rows for messages: a file name.
    notes : tuple of str
        What reading found and decided, one sentence each (encoding, delimiter, inferred roles).
    separator : str, optional
        Separator between the labels of one row, so that further rows are split alike.
    """

    def __init__(
        self,
        table: pa.Table,
        roles: Roles,
        *,
        origin: str = "the rows",
        notes: tuple[str, ...] = (),
        separator: str | None = None,
    ):
        self.table = table
        self.roles = roles
        self.origin = origin
        self.notes = notes
        self.separator = separator
        for role, column in roles.named.items():
            if column not in table.column_names:
                raise MissingColumnError(column, found=table.column_names, origin=origin, flag=flag(role))

    def __len__(self) -> int:
        return int(self.table.num_rows)

    def __repr__(self) -> str:
        played = ", ".join(f"{role} = {name}" for role, name in self.roles.named.items())
        return f"<Rows {self.origin}: {count_of(len(self), 'row')}, {played}>"

    @property
    def texts(self) -> Texts:
        """The text of each row; a missing text is an empty string."""
        return Texts(self.table.column(self.roles.text))

    @property
    def has_texts(self) -> bool:
        """Whether its text column holds texts, which have a language and words, and not the names of files."""
        return self.roles.text not in (self.roles.image, self.roles.audio)

    @property
    def has_images(self) -> bool:
        """Whether a column names images, alone or beside texts."""
        return self.roles.image is not None

    @property
    def audio_files(self) -> list[str]:
        """The file of each row's recording, an absolute path where its folder is known."""
        return image_files(self.table, str(self.roles.audio))

    @property
    def audio_faults(self) -> dict[int, str]:
        """Why recordings cannot be used, in a clause, by the positions of their rows; beside a text none is needed."""
        name = self._name_of("audio")
        values, folder = self.table.column(name).to_pylist(), folder_of(self.table, name)
        return audio_faults(values, folder, may_be_missing=self.has_texts)

    @property
    def pictures(self) -> list[Picture | None]:
        """The picture of each row, with the others of its row; None where it has none."""
        return self.pictures_of("image")

    def pictures_of(self, role: str) -> list[Picture | None]:
        """The picture of each row in the column of a role, `image` or `image_pair`; None where it has none."""
        return pictures_of(self.table, str(self.roles.column_of(role)))

    @property
    def image_files(self) -> list[str]:
        """The file of each row's first image, an absolute path where its folder is known; empty where there is none."""
        return image_files(self.table, str(self.roles.image))

    @property
    def image_faults(self) -> dict[int, str]:
        """Why images cannot be used, in a clause, by the positions of their rows; beside a text none is needed."""
        return self.image_faults_of("image")

    def image_faults_of(self, role: str) -> dict[int, str]:
        """Why images of a role cannot be used, in a clause, by their positions; beside texts none is needed."""
        has_texts = self.has_texts if role == "image" else self.roles.text_pair is not None
        return column_faults(self.table, self._name_of(role), may_be_missing=has_texts)

    @property
    def whole_inputs(self) -> Sequence[str]:
        """The whole input of each row: text with question or text pair, the conversation, the content of its files."""
        if self.roles.image_pair is not None or (self.has_images and self.roles.text_pair is not None):
            return ["\n".join(parts) for parts in zip(*self._both_sides(), strict=True)]
        files = [self.image_contents] if self.has_images else []
        files += [self.sound_contents] if self.has_unheard else []
        if files:
            parts = [*([self.texts] if self.has_texts else []), *files]
            return ["\n".join(each) for each in zip(*parts, strict=True)]
        if self.roles.messages is not None:
            conversations = self.table.column(self.roles.messages).to_pylist()
            return ["\n".join(message["content"] for message in turns or ()) for turns in conversations]
        beside = [self.column(role) for role in ("question", "text_pair") if role in self.roles.named]
        if not beside:
            return self.texts
        return ["\n".join(part or "" for part in parts) for parts in zip(self.texts, *beside, strict=True)]

    def _both_sides(self) -> list[list[str]]:
        """The texts and the contents of the images of both sides of pairs."""
        parts: list[Sequence[Any]] = [self.texts] if self.has_texts else []
        parts += [self.column("text_pair")] if self.roles.text_pair is not None else []
        named = [role for role in ("image", "image_pair") if role in self.roles.named]
        return [[part or "" for part in side] for side in parts] + [self.contents_of(role) for role in named]

    @property
    def image_contents(self) -> list[str]:
        """The SHA-256 of each row's images; empty where it has none."""
        return self.contents_of("image")

    def contents_of(self, role: str) -> list[str]:
        """The SHA-256 of each row's images in the column of a role; empty where it has none."""
        return [
            "" if picture is None else " ".join(look_at(one).content for one in picture.each)
            for picture in self.pictures_of(role)
        ]

    @property
    def has_unheard(self) -> bool:
        """Whether a column names recordings of which its text column does not hold what was heard."""
        return self.roles.audio is not None and not is_heard(self.table, self.roles.text)

    @property
    def has_files(self) -> bool:
        """Whether more is asked than texts say: images, or recordings that were not heard yet."""
        return self.has_images or self.has_unheard

    @property
    def sound_contents(self) -> list[str]:
        """The SHA-256 of each row's recording; empty where it has none."""
        return [sound_of(path).content if path else "" for path in self.audio_files]

    @property
    def labels(self) -> list[str]:
        """The label of each row.

        Raises
        ------
        MissingLabelError
            If no column is the label, or some rows have none.
        """
        return self.values("label")

    def column(self, role: str) -> list[Any]:
        """The values of the column of a role, as Python objects; None where a row has no value."""
        return list(self.table.column(self.roles.column_of(role)).to_pylist())

    def values(self, role: str) -> list[Any]:
        """The value of a role in each row, in the form that tasks take.

        Returns
        -------
        list
            Of str for texts, labels and targets; of float for scores; of list of str for `labels`; of
            `[[start, end, label], ...]` for spans; of `[[head, tail, label], ...]` for relations; of `[start, end]` for
            head and tail; of
            `[{"text", "start"}, ...]` for answers; of `[{"role", "content"}, ...]` for messages.

        Raises
        ------
        MissingLabelError
            If no column has the role, or some rows have no value.
        """
        name = self._name_of(role)
        column = self.table.column(name)
        if column.null_count and role != "text":
            first = pc.index(pc.is_null(column), True).as_py()
            cure = (
                "Label them, or remove them with --drop-unlabelled."
                if role in TARGET_ROLES
                else "Fill them in, or remove these rows from the file."
            )
            raise MissingLabelError(
                f"{column.null_count:,} of {len(self):,} rows of {self.origin} have no {name!r}; "
                f"the first is row {first + 1}. {cure}"
            )
        plain = _PLAIN.get(role)
        values = column.to_pylist()
        return [plain(value) for value in values] if plain else list(values)

    def _name_of(self, role: str) -> str:
        """Give the column of a role; raises `MissingLabelError` where none has it."""
        name = self.roles.column_of(role)
        if name is None:
            noun = role.replace("_", " ")
            raise MissingLabelError(
                f"{self.origin} has no {noun} column; it has: {', '.join(self.table.column_names)}. "
                f"Name the {noun} column with {flag(role)}."
            )
        return name

    def take(self, indices: np.ndarray | Sequence[int]) -> "Rows":
        """The rows at these positions, in this order."""
        picked = self.table.take(pa.array(np.asarray(indices, dtype=np.int64)))
        return self._with(picked, self.roles)

    def with_roles(self, **roles: str | None) -> "Rows":
        """The same rows with some roles changed."""
        changed = replace(self.roles, **roles)  # type: ignore[arg-type]  # a text role is never None
        return self._with(self.table, changed)

    def _with(self, table: pa.Table, roles: Roles) -> "Rows":
        return Rows(table, roles, origin=self.origin, notes=self.notes, separator=self.separator)

    @property
    def fingerprint(self) -> str:
        """SHA-256 over inputs and targets in order, independent of the file they came from."""
        digest = hashlib.sha256()
        for role in dict.fromkeys(("text", "label", *INPUT_ROLES, *TARGET_ROLES)):
            name = self.roles.column_of(role)
            if name is None or (role == "audio" and not self.has_unheard):  # What was heard says it.
                continue
            if role not in ("text", "label"):  # With its role, so that a swapped pair differs.
                digest.update(b"\xfe" + role.encode())
            values = self._content_of(role, name)
            for value in values:
                encoded = b"\xff" if value is None else _as_bytes(value)
                digest.update(len(encoded).to_bytes(8, "little") + encoded)
        return digest.hexdigest()

    def _content_of(self, role: str, column: str) -> list[Any]:
        """The values of a column, of files what is in them."""
        if role == "audio":
            return self.sound_contents
        if role in ("image", "image_pair"):
            return self.contents_of(role)
        return list(self.table.column(column).to_pylist())


def _as_bytes(value: Any) -> bytes:
    written = json.dumps(value, ensure_ascii=False) if isinstance(value, list | dict) else str(value)
    return written.encode("utf-8", "surrogatepass")


def _plain_entity(entity: dict[str, Any]) -> list[int]:
    return [entity["start"], entity["end"]]


def _plain_spans(spans: list[dict[str, Any]]) -> list[list[Any]]:
    return [[span["start"], span["end"], span["label"]] for span in spans]


def _plain_relations(relations: list[dict[str, Any]]) -> list[list[Any]]:
    return [[one["head"], one["tail"], one["label"]] for one in relations]


_PLAIN: dict[str, Callable[[Any], Any]] = {
    "spans": _plain_spans,
    "relations": _plain_relations,
    "head": _plain_entity,
    "tail": _plain_entity,
    "text": lambda text: text or "",
}
