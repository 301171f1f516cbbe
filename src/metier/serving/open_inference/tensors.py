"""Tensors of the Open Inference Protocol in JSON: read, compared with their shape and their datatype.

Clients differ in how they write the same thing, so a tensor of one value may be a scalar, data may be flat or nested, and a
shape may be left out. What contradicts itself is refused with a sentence.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from typing import Any

from metier.errors import quoted, suggest
from metier.serving.refusals import RefusalError

WHOLE = ("INT8", "INT16", "INT32", "INT64", "UINT8", "UINT16", "UINT32", "UINT64")
DATATYPES = ("BYTES", "BOOL", *WHOLE, "FP16", "FP32", "FP64")
MOST_TENSORS, MOST_DIMENSIONS = 16, 8


@dataclass(frozen=True)
class Tensor:
    """A tensor of a request.

    Parameters
    ----------
    name : str
    datatype : str
    rows : list
        Along its first dimension: values, or lists of them where there are further dimensions.
    """

    name: str
    datatype: str
    rows: list[Any]


def read_tensors(inputs: Any) -> dict[str, Tensor]:
    """Read the `inputs` of a request.

    Raises
    ------
    RefusalError
        If they are no tensors, one is named twice, or one contradicts itself (422).
    """
    if not isinstance(inputs, list) or not inputs:
        raise wrong("inputs", f"expected a list of tensors, found {quoted(inputs)}")
    if len(inputs) > MOST_TENSORS:
        raise wrong("inputs", f"{len(inputs):,} tensors in one request; {MOST_TENSORS} are allowed")
    found: dict[str, Tensor] = {}
    for place, one in enumerate(inputs):
        tensor = _tensor(one, f"inputs.{place}")
        if tensor.name in found:
            raise wrong(f"inputs.{place}", f"the tensor {quoted(tensor.name)} is given twice")
        found[tensor.name] = tensor
    return found


def wrong(field: str, fault: str) -> RefusalError:
    """Give the refusal of a tensor (422)."""
    message = f"Field {field!r}: {fault}. See the example in docs/serving.md."
    return RefusalError(422, "bad_tensor", message, field=field)


def _tensor(one: Any, field: str) -> Tensor:
    if not isinstance(one, Mapping):
        raise wrong(field, f"expected a tensor with name, shape, datatype and data, found {quoted(one)}")
    name, datatype = one.get("name"), one.get("datatype", "BYTES")
    if not isinstance(name, str) or not name:
        raise wrong(f"{field}.name", f"expected the name of the tensor, found {quoted(name)}")
    if datatype not in DATATYPES:
        hint = suggest(datatype, DATATYPES) if isinstance(datatype, str) else ""
        raise wrong(
            f"{field}.datatype", f"there is no datatype {quoted(datatype)}.{hint} Known: {', '.join(DATATYPES)}"
        )
    if "data" not in one:
        raise wrong(f"{field}.data", "the data is missing; it is sent in JSON, not in binary behind it")
    values = _flat(one["data"])
    shape = _shape(one.get("shape"), values, f"{field}.shape")
    for value in values:
        if not _is_of(value, datatype):
            raise wrong(f"{field}.data", f"{quoted(value)} is no value of the datatype {datatype}")
    return Tensor(name, datatype, _rows(values, shape))


def _flat(data: Any) -> list[Any]:
    """Give the values of data, which is flat, nested or a single value, in their order."""
    flat, waiting = list[Any](), [data]
    while waiting:
        one = waiting.pop()
        if isinstance(one, list):
            waiting.extend(reversed(one))
        else:
            flat.append(one)
    return flat


def _shape(given: Any, values: list[Any], field: str) -> list[int]:
    if given is None:
        return [len(values)]
    if not isinstance(given, list) or len(given) > MOST_DIMENSIONS or not all(_is_size(one) for one in given):
        raise wrong(field, f"expected a list of sizes such as [{len(values)}], found {quoted(given)}")
    if prod(given) != len(values):
        raise wrong(field, f"a shape of {given} holds {prod(given):,} values, and the data has {len(values):,}")
    return given


def _is_size(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _is_of(value: Any, datatype: str) -> bool:
    if datatype == "BYTES":
        return isinstance(value, str)
    if datatype == "BOOL":
        return isinstance(value, bool)
    numbers = int if datatype in WHOLE else int | float
    return isinstance(value, numbers) and not isinstance(value, bool)


def _rows(values: list[Any], shape: list[int]) -> list[Any]:
    n_rows = shape[0] if shape else 1
    width = len(values) // n_rows if n_rows else 0
    if width == 1:
        return values
    return [values[row * width : (row + 1) * width] for row in range(n_rows)]
