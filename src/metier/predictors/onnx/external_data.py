"""Whether an ONNX graph names files beside it for its weights, found before onnxruntime sees it.

A tensor of a graph may say that its bytes are in another file, by a path that the graph's author chose: a link, or a
path out of the folder, would let a graph read files that are none of its own. Metier exports graphs whole, so any such
tensor is refused. The file is read as protocol buffers here: only the fields that lead to tensors are followed, all
others are stepped over, so that no package `onnx` is needed and the weights are not copied.

Reference: onnx.proto of ONNX, https://github.com/onnx/onnx/blob/main/onnx/onnx.proto
"""

import mmap
from collections.abc import Iterator, Mapping
from pathlib import Path

from metier.errors import BundleError, UnsafeFileError
from metier.regular_files import open_regular

VARINT, FIXED_64, BYTES, FIXED_32 = 0, 1, 2, 5
DATA_LOCATION, EXTERNAL_DATA = 14, 13  # Fields of a tensor.
DEEPEST = 64  # Graphs inside attributes of graphs; ours have three.
# By message: the fields that hold messages in which tensors can be.
LEADING: Mapping[str, Mapping[int, str]] = {
    "model": {7: "graph", 20: "training", 25: "function"},
    "training": {1: "graph", 2: "graph"},
    "graph": {1: "node", 5: "tensor", 15: "sparse"},
    "function": {7: "node", 11: "attribute"},
    "node": {5: "attribute"},
    "attribute": {5: "tensor", 6: "graph", 10: "tensor", 11: "graph", 22: "sparse", 23: "sparse"},
    "sparse": {1: "tensor", 2: "tensor"},
}


def check_no_external_data(path: Path) -> None:
    """Refuse a graph with tensors in other files.

    Raises
    ------
    UnsafeFileError
        If it has some.
    BundleError
        If it is not an ONNX graph, or is cut off.
    """
    try:
        is_external = _has_external_data(path)
    except (ValueError, IndexError) as error:
        raise BundleError(
            f"{path} is not an ONNX graph, or is cut off ({error}). Get the bundle from its source again."
        ) from None
    if is_external:
        raise UnsafeFileError(
            f"{path} keeps weights in other files, which could be any file of this machine. Metier writes graphs "
            "whole and loads no others. Get the bundle again from a trusted source."
        )


def _has_external_data(path: Path) -> bool:
    with open_regular(path) as file:
        if not path.stat().st_size:
            raise ValueError("it is empty")
        with (
            mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped,
            memoryview(mapped) as content,
        ):
            return _is_external(content, "model", 0, len(content), DEEPEST)


def _is_external(content: memoryview, message: str, start: int, end: int, depth: int) -> bool:
    if not depth:
        raise ValueError("its graphs are nested too deeply")
    fields = _fields(content, start, end)
    if message == "tensor":
        return any(number == EXTERNAL_DATA or (number == DATA_LOCATION and at) for number, _, at, _ in fields)
    leading = LEADING[message]
    return any(
        _is_external(content, leading[number], first, last, depth - 1)
        for number, wire, first, last in fields
        if wire == BYTES and number in leading
    )


def _fields(content: memoryview, start: int, end: int) -> Iterator[tuple[int, int, int, int]]:
    """Give the fields of a message: number, wire type, and the place of its bytes; of a varint, value and 0."""
    at = start
    while at < end:
        key, at = _varint(content, at, end)
        number, wire = key >> 3, key & 7
        if wire == VARINT:
            value, at = _varint(content, at, end)
            yield number, wire, value, 0
            continue
        length = {FIXED_64: 8, FIXED_32: 4}.get(wire)
        if wire == BYTES:
            length, at = _varint(content, at, end)
        if length is None or at + length > end:
            raise ValueError(f"the field at byte {at:,} does not end")
        yield number, wire, at, at + length
        at += length


def _varint(content: memoryview, at: int, end: int) -> tuple[int, int]:
    """Give the number that stands at a place in groups of 7 bits, and the place after it."""
    value = 0
    for shift in range(0, 70, 7):
        if at >= end:
            break
        byte = content[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
    raise ValueError(f"the number before byte {at:,} does not end")
