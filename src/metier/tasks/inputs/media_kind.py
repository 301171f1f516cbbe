"""What input kinds of files have in common: a question is the path of a file, its bytes, or over HTTP its base64.

A path is one that whoever runs the program names, in a file of rows or in a terminal. A request over HTTP holds the file
itself: what a caller sends is never taken for a path.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from metier.arguments import check_is_list
from metier.errors import EmptyDataError, MediaError, MediaLimitError, WrongTypeError
from metier.media_file import DATA_URI, MediaFile, bytes_of_base64, no_name_of_a_file
from metier.tasks.inputs.kind import InputKind, parts_fault, shape_fault

SEND = "Send the bytes of the file in base64."


class MediaKind(InputKind):
    """One file a question: `{key: path or bytes}`, read a `MediaFile` of its own class.

    Parameters
    ----------
    key : str
        The only key of a question.
    file : type of MediaFile
        What a question is read as.
    error, limit : type of MediaError
        What is raised where a file cannot be used, and where it has too many bytes.
    """

    key: ClassVar[str]
    file: ClassVar[type[MediaFile]]
    error: ClassVar[type[MediaError]]
    limit: ClassVar[type[MediaLimitError]]
    has_texts: ClassVar[bool] = False

    def read(self, X: Any, *, origin: str = "these files") -> list[Any]:
        """Give the files of whatever `fit` or `predict` was handed: paths, bytes, or mappings with one of them."""
        noun = self.error.noun
        check_is_list(X, noun)
        found = [self.file_of(item, position) for position, item in enumerate(X)]
        if not found:
            raise EmptyDataError(f"Expected at least one {noun}, found none. Give their paths.")
        return found

    def texts(self, items: Sequence[Any]) -> list[str]:
        """Give nothing: what a file shows or says is not known yet."""
        return []

    def shown(self, item: Any) -> list[str]:
        """Give what the file is called."""
        return [self.file_of(item, 0).called]

    def fault(self, item: Any) -> str | None:
        """Give what is wrong with one question, in a sentence; None: nothing is."""
        if isinstance(item, self.file):
            return None
        fault = parts_fault(item, self.keys)
        return self.value_fault(item[self.key]) if fault is None else fault

    def value_fault(self, value: Any) -> str | None:
        """Give why a value is neither a path nor bytes, in a sentence; None: it is."""
        if isinstance(value, str | bytes | self.file):
            return None
        return shape_fault(self.key, value, f"{self.noun} (a path, or over HTTP base64)")

    def typed(self, text: str) -> dict[str, str]:
        """Give what was typed as a question: the path of a file."""
        return {self.key: text}

    def file_of(self, item: Any, position: int) -> Any:
        """Give the file of one question; raises `WrongTypeError` where it is none."""
        value = item.get(self.key) if isinstance(item, Mapping) else item
        if isinstance(value, self.file):
            return value
        if isinstance(value, bytes):
            return self.file(value, f"at position {position}")
        if isinstance(value, str | Path):
            return self.file.of_file(value)
        raise WrongTypeError(
            f"Expected {self.noun} at position {position}, found {type(value).__name__}. Give its path, or its bytes."
        )

    def sent(self, value: Any, *, field: str, most_bytes: int) -> Any:
        """Give the file of a request: its bytes, where it came as one, or what its base64 holds; it is not looked at.

        Raises
        ------
        MediaError
            Of its kind, if it is not base64, or has too many bytes.
        """
        called = f"in field {field!r}"
        data = value if isinstance(value, bytes) else bytes_of_base64(value)
        if data is None:
            is_meant_as_one = isinstance(value, str) and not value.startswith(DATA_URI)
            address = no_name_of_a_file(value) if is_meant_as_one else None
            fault = "it is an address, and nothing is fetched" if address else "it is not base64"
            raise self.error(called, fault, SEND)
        if len(data) > most_bytes:
            raise self.limit(called, f"{len(data):,} bytes", f"{most_bytes:,} bytes")
        return self.file(data, called)
