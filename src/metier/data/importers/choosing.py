"""Choose the importer of a source: the named one, or the one that its content fits."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from metier.data.formats.data_file import check_can_be_read_again
from metier.data.importers import (
    doccano,
    huggingface,
    label_studio,
    llama_factory,
    rasa,
    relation_rows,
    spacy_docbin,
)
from metier.data.importers.documents import objects_of
from metier.data.importers.imported import Imported
from metier.errors import CallError, UnknownNameError, UnreadableFileError

FORMATS: dict[str, Callable[..., Imported]] = {
    "label-studio": label_studio.import_label_studio,
    "doccano": doccano.import_doccano,
    "spacy": spacy_docbin.import_docbin,
    "rasa": rasa.import_rasa,
    "alpaca": llama_factory.import_alpaca,
    "sharegpt": llama_factory.import_sharegpt,
    "relations": relation_rows.import_relation_rows,
    "huggingface": huggingface.import_folder,
}
AUTO = "auto"
SIGN_ITEMS = 20  # Objects that are looked at to detect the format.


def import_rows(source: str | Path, *, format: str = AUTO, text: str | None = None) -> Imported:
    """Read the rows that another tool wrote.

    Parameters
    ----------
    source : path
        A file, or the folder of a data set.
    format : str, default="auto"
        A name of `FORMATS`; `auto`: detected from the content.
    text : str, optional
        The field that holds the text, for Label Studio, whose projects choose its name.

    Raises
    ------
    UnreadableFileError
        If no format fits the source, or an item of it cannot be read.
    UnknownNameError
        If no format has that name.
    MissingExtraError
        If the format needs a package that is not installed.
    """
    path = Path(source)
    if not path.exists():
        raise UnreadableFileError(f"There is no file or folder {path}. Check the path.")
    if not path.is_dir():
        check_can_be_read_again(path)
    if format != AUTO and format not in FORMATS:
        raise UnknownNameError("format to import", format, known=[AUTO, *FORMATS])
    name = detect(path) if format == AUTO else format
    if text is not None and name != "label-studio":
        raise CallError(f"--text names the text of Label Studio's tasks; {path} is {name}. Remove it.")
    if path.is_dir() and name not in ("huggingface", "rasa"):
        raise UnreadableFileError(f"{path} is a folder; {name} is one file. Give the file.")
    return FORMATS[name](path) if text is None else FORMATS[name](path, text=text)


def detect(path: Path) -> str:
    """Detect the format of a source by its content.

    Raises
    ------
    UnreadableFileError
        If no format fits.
    """
    if path.is_dir():
        found = huggingface.is_data_set(path), rasa.is_project(path)
        if any(found):
            return "huggingface" if found[0] else "rasa"
        raise _unknown(path, "the folder holds neither Arrow or Parquet files nor Rasa's YAML")
    if path.suffix.lower() in (".arrow", ".parquet"):
        return "huggingface"
    with path.open("rb") as stream:
        head = stream.read(2)
    if spacy_docbin.is_docbin(path, head):
        return "spacy"
    if path.suffix.lower() in (".yml", ".yaml"):
        return "rasa"
    objects = [item for _, item in objects_of(path)[:SIGN_ITEMS]]
    for name, is_such in SIGNS:
        if objects and all(is_such(item) for item in objects):
            return name
    keys = ", ".join(map(repr, list(objects[0])[:8])) if objects else "none"
    raise _unknown(path, f"its objects have the keys {keys}")


# The first that fits; doccano is last, as its keys are the least specific.
SIGNS: tuple[tuple[str, Callable[[dict[str, Any]], bool]], ...] = (
    ("label-studio", label_studio.is_task),
    ("sharegpt", llama_factory.is_sharegpt),
    ("alpaca", llama_factory.is_alpaca),
    ("doccano", doccano.is_document),
)


def _unknown(path: Path, found: str) -> UnreadableFileError:
    return UnreadableFileError(
        f"{path} has the shape of no format that can be imported: {found}. Name it with --format "
        f"({', '.join(FORMATS)}), or, if it is a plain file of rows, check it with metier check."
    )
