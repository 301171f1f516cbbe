"""A data set of the Hugging Face `datasets` library: saved by `save_to_disk`, or a folder of Parquet files.

Arrow files are read by pyarrow; the features are read from the schema's metadata or from `dataset_info.json`.
Codes of a ClassLabel become its names, tokens with tags become a text with spans, a translation becomes two
columns, and splits become a column.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from metier.data.columns.embedded_images import holds_images
from metier.data.formats.batches import BATCH_ROWS
from metier.data.formats.conll import is_spaced, join_tokens, spans_of_tags
from metier.data.formats.data_file import TAG
from metier.data.formats.folder import SPLIT_NAMES
from metier.data.importers.imported import SPAN, Imported, span
from metier.errors import DataError, EmptyDataError, UnreadableFileError

ENDINGS = (".arrow", ".parquet")
MEDIA = ("Image", "Audio", "Video", "Pdf")
SAMPLE_ROWS = 500  # Rows used to detect whether the language has spaces.


@dataclass(frozen=True)
class Part:
    """The files of one split.

    Parameters
    ----------
    name : str or None
        The split; None where it is unknown.
    files : tuple of Path
    features : mapping
        The features of `datasets`; empty where they are unknown.
    """

    name: str | None
    files: tuple[Path, ...]
    features: Mapping[str, Any] = field(default_factory=dict)


def is_data_set(folder: Path) -> bool:
    """Whether a folder holds Arrow or Parquet files, directly or in its splits."""
    return any(path.suffix in ENDINGS for path in _all_files(folder))


def import_folder(path: Path) -> Imported:
    """Read the rows of all splits.

    Raises
    ------
    UnreadableFileError
        If a file is broken.
    DataError
        If the folder holds several data sets.
    """
    parts = _parts(path)
    imported = Imported("a Hugging Face data set", ())
    named = [part.name for part in parts if part.name is not None]
    if len(named) > 1:
        imported.notes.append(f"its splits are in the column split: {', '.join(named)}")
    imported.tables = _tables(parts, imported, with_split=len(parts) > 1)
    return imported


def _tables(parts: list[Part], imported: Imported, *, with_split: bool) -> Iterator[pa.Table]:
    number = 0
    for part in parts:
        converter: _Converter | None = None
        for table in _read(part.files):
            if converter is None:
                features = dict(part.features) or _features_of(table.schema)
                converter = _Converter(features, imported, table)
            if table.num_rows == 0:
                continue
            converted = converter.convert(table, number)
            number += table.num_rows
            if with_split and "split" not in converted.column_names:
                converted = converted.append_column(
                    "split", pa.array([part.name] * table.num_rows, pa.string())
                )
            yield converted


class _Converter:
    """Converts the columns of one split."""

    def __init__(self, features: Mapping[str, Any], imported: Imported, first: pa.Table):
        self._features, self._imported = features, imported
        names = first.column_names
        self._tags = _tag_column(features, names)
        self._spaced = True
        if self._tags is not None:
            sample = first.column("tokens").slice(0, SAMPLE_ROWS).to_pylist()
            self._spaced = is_spaced(token for tokens in sample for token in tokens or ())
            space = "a space" if self._spaced else "no space"
            self._note(f"tokens with {self._tags} become texts, with {space} between tokens, and spans")
        for name in names:
            if holds_images(first.column(name)):
                self._note(f"the column {name} holds images, which .parquet keeps and other formats do not")
            elif _kind(features.get(name)) in MEDIA or pa.types.is_binary(first.schema.field(name).type):
                self._note(f"the column {name} holds sound, films or bytes and is skipped")

    def _note(self, note: str) -> None:
        if note not in self._imported.notes:
            self._imported.notes.append(note)

    def convert(self, table: pa.Table, before: int) -> pa.Table:
        columns: dict[str, Any] = {}
        if self._tags is not None:
            columns |= self._tagged(table, before)
        for name in table.column_names:
            feature, column = self._features.get(name), table.column(name)
            if self._tags is not None and name in ("tokens", self._tags):
                continue
            if holds_images(column):
                columns[name] = column
                continue
            if _kind(feature) in MEDIA or pa.types.is_binary(column.type):
                continue
            names = _class_names(feature)
            of_each = None if names is not None else _class_names(_inner(feature))
            if names is not None:
                columns[name] = self._named(column, names, name, before)
            elif of_each is not None and self._tags is not None:
                self._note(f"the column {name} holds other tags of tokens and is skipped")
            elif of_each is not None:
                columns[name] = pa.array(
                    [None if own is None else [of_each[code] for code in own] for own in column.to_pylist()],
                    pa.list_(pa.string()),
                )
            elif _kind(feature) == "Translation" and pa.types.is_struct(column.type):
                columns |= _languages(column)
                self._note(
                    f"{name} becomes one column per language (choose with --text and --role target=COLUMN)"
                )
            else:
                columns[name] = column
        return pa.table(columns)

    def _named(self, column: pa.ChunkedArray, names: list[str], name: str, before: int) -> pa.Array:
        codes = column.to_pylist()
        if codes and isinstance(next((code for code in codes if code is not None), None), str):
            return pa.array(codes, pa.string())
        unknown = [row for row, code in enumerate(codes) if code is not None and not -1 <= code < len(names)]
        if unknown:
            raise DataError(
                f"Row {before + unknown[0] + 1} of the data set has {codes[unknown[0]]} in its column {name!r}, which "
                f"has {len(names)} names. Its features do not fit its rows; save it again."
            )
        for row, code in enumerate(codes):
            if code == -1:
                self._imported.leave_out(
                    f"labels of -1 in {name}, which mean no label (the rows stay)", before + row + 1
                )
        return pa.array([None if code is None or code < 0 else names[code] for code in codes], pa.string())

    def _tagged(self, table: pa.Table, before: int) -> dict[str, pa.Array]:
        assert self._tags is not None
        names = _class_names(_inner(self._features.get(self._tags)))
        texts, found = [], []
        rows = zip(table.column("tokens").to_pylist(), table.column(self._tags).to_pylist(), strict=True)
        for row, (tokens, codes) in enumerate(rows, before + 1):
            tags = [code if isinstance(code, str) or names is None else names[code] for code in codes or ()]
            if len(tags) != len(tokens or ()):
                raise DataError(
                    f"Row {row} of the data set has {len(tokens or ())} tokens and {len(tags)} tags. "
                    "Fix it in the program that makes the data set."
                )
            pairs = [(token, tag) for token, tag in zip(tokens or (), tags, strict=True) if token.strip()]
            if len(pairs) < len(tags):
                self._imported.leave_out("empty tokens", row)
            text, offsets = join_tokens([token for token, _ in pairs], spaced=self._spaced)
            entities, stray = spans_of_tags([tag for _, tag in pairs])
            if stray:
                self._note("an I- without a B- before it begins an entity")
            texts.append(text)
            found.append(
                [
                    span(
                        offsets[first][0],
                        offsets[after - 1][1],
                        label,
                        text[offsets[first][0] : offsets[after - 1][1]],
                    )
                    for first, after, label in entities
                ]
            )
        return {"text": pa.array(texts, pa.string()), "spans": pa.array(found, pa.list_(SPAN))}


def _tag_column(features: Mapping[str, Any], names: Iterable[str]) -> str | None:
    """Give the column whose tags mark entities of the column `tokens`."""
    names = list(names)
    if "tokens" not in names:
        return None
    for name in dict.fromkeys(["ner_tags", "tags", "ner", *names]):
        own = _class_names(_inner(features.get(name))) if name in names else None
        if own and all(TAG.fullmatch(tag) for tag in own) and len(own) > 1:
            return name
    return None


def _languages(column: pa.ChunkedArray) -> dict[str, pa.Array]:
    values = column.to_pylist()
    return {
        name: pa.array([None if value is None else value[name] for value in values], pa.string())
        for name in (field.name for field in column.type)
    }


def _kind(feature: Any) -> str | None:
    return feature.get("_type") if isinstance(feature, Mapping) else None


def _inner(feature: Any) -> Any:
    """Give the feature of each element of a list, in the notation of old and new versions of `datasets`."""
    if isinstance(feature, list):
        return feature[0] if feature else None
    return feature.get("feature") if _kind(feature) in ("Sequence", "List", "LargeList") else None


def _class_names(feature: Any) -> list[str] | None:
    if _kind(feature) != "ClassLabel":
        return None
    names = feature.get("names")
    # The cards of data sets write them as {"0": "negative", "1": "positive"}.
    return list(names.values()) if isinstance(names, Mapping) else names


def _features_of(schema: pa.Schema) -> Mapping[str, Any]:
    metadata = (schema.metadata or {}).get(b"huggingface")
    try:
        info = json.loads(metadata)["info"] if metadata else {}
    except (ValueError, KeyError, TypeError):
        return {}
    return info.get("features") or {}


def _parts(path: Path) -> list[Part]:
    if path.is_file():
        return [Part(_split_of(path), (path,))]
    listed = _json(path / "dataset_dict.json")
    if listed is not None:
        return [_saved(path / name, name) for name in listed.get("splits", ())]
    if (path / "state.json").exists():
        return [_saved(path, None)]
    files = _all_files(path)
    if not files:
        raise EmptyDataError(f"{path} holds no Arrow or Parquet files. Give the folder of one data set.")
    folders = {file.parent for file in files}
    if len(folders) > 1 and not all(_split_of(folder) for folder in folders):
        listed_folders = ", ".join(sorted(str(folder.relative_to(path)) for folder in folders))
        raise DataError(f"{path} holds several data sets: {listed_folders}. Give the folder of one.")
    by_split: dict[str | None, list[Path]] = {}
    for file in files:
        by_split.setdefault(_split_of(file) or _split_of(file.parent), []).append(file)
    if None in by_split and len(by_split) > 1:
        raise DataError(
            f"{path}: {by_split[None][0].name} has no split in its name, unlike the other files. Name it "
            "train-…, validation-… or test-…, or remove it."
        )
    return [Part(name, tuple(own), _info(path)) for name, own in by_split.items()]


def _saved(folder: Path, name: str | None) -> Part:
    """Give the part that `save_to_disk` wrote."""
    state = _json(folder / "state.json") or {}
    files = tuple(folder / each["filename"] for each in state.get("_data_files", ()))
    missing = [file.name for file in files if not file.exists()]
    if missing or not files:
        what = f"{missing[0]} is missing" if missing else "state.json names no files"
        raise UnreadableFileError(
            f"{folder} is not a complete data set: {what}. Copy it from its source again."
        )
    return Part(name, files, _info(folder))


def _info(folder: Path) -> Mapping[str, Any]:
    info = _json(folder / "dataset_info.json") or {}
    return info.get("features") or {}


def _json(path: Path) -> dict[str, Any] | None:
    if not path.exists():
        return None
    try:
        value = json.loads(path.read_text("utf-8"))
    except ValueError:
        value = None
    if not isinstance(value, dict):
        raise UnreadableFileError(f"{path} is not JSON as `datasets` writes it. Copy the data set again.")
    return value


def _all_files(folder: Path) -> list[Path]:
    """Give the data files of a folder, without the caches of `datasets`."""
    return sorted(
        path
        for path in folder.rglob("*")
        if path.suffix in ENDINGS and not path.name.startswith(("cache-", "tmp", ".", "indices"))
    )


def _split_of(path: Path) -> str | None:
    """Give the split of a name: `train-00000-of-00002.parquet`, or a folder called test."""
    return SPLIT_NAMES.get(path.name.partition(".")[0].partition("-")[0].lower())


def _read(files: Iterable[Path]) -> Iterator[pa.Table]:
    for path in files:
        try:
            yield from _parquet(path) if path.suffix == ".parquet" else _arrow(path)
        except (pa.ArrowInvalid, OSError) as error:
            reason = str(error).splitlines()[0].rstrip(".")
            raise UnreadableFileError(
                f"{path} is broken ({reason}). Copy the data set from its source again."
            ) from None


def _parquet(path: Path) -> Iterator[pa.Table]:
    parquet = pq.ParquetFile(path, memory_map=True)
    schema = parquet.schema_arrow
    for batch in parquet.iter_batches(batch_size=BATCH_ROWS):
        yield pa.Table.from_batches([batch]).replace_schema_metadata(schema.metadata)


def _arrow(path: Path) -> Iterator[pa.Table]:
    # `datasets` writes streams; other programs write files.
    with pa.memory_map(str(path)) as source:
        if source.read(6) == b"ARROW1":
            reader = pa.ipc.open_file(source)
            batches = (reader.get_batch(number) for number in range(reader.num_record_batches))
        else:
            source.seek(0)
            batches = iter(pa.ipc.open_stream(source))
        for batch in batches:
            for start in range(0, batch.num_rows, BATCH_ROWS):
                yield pa.Table.from_batches([batch.slice(start, BATCH_ROWS)])
