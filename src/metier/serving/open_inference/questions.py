"""Requests of the Open Inference Protocol as questions: one tensor for each part of a question, one row a question."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic_core import from_json

from metier.errors import quoted, suggest
from metier.serving.open_inference.tensors import Tensor, read_tensors, wrong
from metier.serving.refusals import RefusalError
from metier.serving.request_reading import PredictRequest, Questions, parse_body, read_questions
from metier.serving.settings import ServingSettings
from metier.tasks.inputs import InputKind

TEXT_KEY = "text"
PLACE_WIDTH = 2  # Where a part of a text begins and ends.


@dataclass(frozen=True)
class Inference:
    """A request, read.

    Parameters
    ----------
    asked : Questions
    id : str or None
        That the answer repeats.
    outputs : tuple of str or None
        The tensors that are wanted; None: all.
    """

    asked: Questions
    id: str | None
    outputs: tuple[str, ...] | None


def read_inference(body: bytes, settings: ServingSettings, kind: InputKind, *, takes_blanks: bool) -> Inference:
    """Read a request and compare it with the limits.

    Raises
    ------
    RefusalError
        As `request_reading.read_request` does; and 422 for tensors that contradict themselves or are others than the model
        takes.
    """
    found = parse_body(body, settings, kind)
    if not isinstance(found, Mapping):
        raise wrong("inputs", f"expected an object with inputs, found {quoted(found)}")
    rows = _rows(read_tensors(found.get("inputs")), kind, settings)
    request = _request(rows, kind, _top(found.get("parameters")))
    asked = read_questions(request, settings, kind, takes_blanks=takes_blanks)
    return Inference(asked, _id(found.get("id")), _outputs(found.get("outputs")))


def takes(kind: InputKind) -> dict[str, str]:
    """Give the datatype of each part of a question: whole numbers where it is a place in a text, else `BYTES`."""
    example = kind.example if isinstance(kind.example, Mapping) else {}
    return {
        key: "INT64" if _is_place(example.get(key)) else "BYTES" for key in (*kind.keys, *kind.optional_keys)
    }


def _is_place(value: Any) -> bool:
    return isinstance(value, list) and len(value) == PLACE_WIDTH and all(isinstance(one, int) for one in value)


def _rows(tensors: Mapping[str, Tensor], kind: InputKind, settings: ServingSettings) -> list[dict[str, Any]]:
    known = takes(kind) | ({TEXT_KEY: "BYTES"} if kind.fault("") is None else {})
    unknown = next((name for name in tensors if name not in known), None)
    if unknown is not None:
        fault = f"there is no input {quoted(unknown)}.{suggest(unknown, known)} Known: {', '.join(known)}"
        raise wrong("inputs", fault)
    if TEXT_KEY not in tensors or TEXT_KEY in kind.keys:
        missing = next((key for key in kind.keys if key not in tensors), None)
        if missing is not None:
            raise wrong(
                "inputs", f"the input {missing!r} is missing; the model takes {' and '.join(kind.keys)}"
            )
    sizes = {name: len(tensor.rows) for name, tensor in tensors.items()}
    if len(set(sizes.values())) != 1:
        shown = ", ".join(f"{name} has {size:,}" for name, size in sizes.items())
        raise wrong("inputs", f"expected as many rows in each tensor, found {shown}")
    _check_rows(next(iter(sizes.values())), settings)
    columns = {name: _column(tensor, known[name], kind) for name, tensor in tensors.items()}
    return [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]


def _check_rows(n_rows: int, settings: ServingSettings) -> None:
    if n_rows == 0:
        raise wrong("inputs", "the tensors have no rows, so nothing is asked")
    if n_rows > settings.max_rows:
        message = (
            f"{n_rows:,} rows in one request; {settings.max_rows:,} are allowed. Send them in several requests."
        )
        raise RefusalError(413, "too_many_rows", message, field="inputs")


def _column(tensor: Tensor, datatype: str, kind: InputKind) -> list[Any]:
    is_whole = tensor.datatype.startswith(("INT", "UINT"))
    if datatype != ("INT64" if is_whole else tensor.datatype):
        raise wrong("inputs", f"the input {tensor.name!r} is {tensor.datatype}; expected {datatype}")
    if datatype == "BYTES" and any(isinstance(row, list) for row in tensor.rows):
        raise wrong(
            "inputs", f"the input {tensor.name!r} has several values a row; expected the shape [n] or [n, 1]"
        )
    holds_json = (
        datatype == "BYTES"
        and isinstance(kind.example, Mapping)
        and not _is_text(kind.example.get(tensor.name))
    )
    return [_parsed(row, tensor.name) for row in tensor.rows] if holds_json else tensor.rows


def _is_text(example: Any) -> bool:
    """Whether a part of a question is a text, or a file in base64; a list of messages is JSON."""
    return not isinstance(example, list | dict)


def _parsed(text: str, name: str) -> Any:
    try:
        return from_json(text, allow_inf_nan=False)
    except ValueError as error:
        raise wrong("inputs", f"the input {name!r} holds no JSON ({error})") from None


def _request(rows: list[dict[str, Any]], kind: InputKind, top: int | None) -> PredictRequest:
    if kind.fault("") is None and rows[0].keys() == {TEXT_KEY}:
        return PredictRequest(texts=[row[TEXT_KEY] for row in rows], top=top)
    return PredictRequest(rows=rows, top=top)


def _top(parameters: Any) -> int | None:
    if parameters is not None and not isinstance(parameters, Mapping):
        raise wrong("parameters", f"expected an object, found {quoted(parameters)}")
    top = (parameters or {}).get("top")
    if top is not None and (not isinstance(top, int) or isinstance(top, bool) or top < 1):
        raise wrong("parameters.top", f"expected a whole number of at least 1, found {quoted(top)}")
    return top


def _id(given: Any) -> str | None:
    if given is not None and not isinstance(given, str):
        raise wrong("id", f"expected a text, found {quoted(given)}")
    return given


def _outputs(given: Any) -> tuple[str, ...] | None:
    if given is None:
        return None
    if not isinstance(given, list):
        raise wrong("outputs", f"expected a list of objects with the name of a tensor, found {quoted(given)}")
    names = [one.get("name") if isinstance(one, Mapping) else None for one in given]
    if not all(isinstance(name, str) for name in names):
        raise wrong("outputs", f"expected objects with the name of a tensor, found {quoted(given)}")
    return tuple(map(str, names)) or None
