"""The techniques by name, and chains of them as they are written: `layers:4+vocabulary+int8`."""

from collections.abc import Callable, Mapping, Sequence

from metier.compression.cascade import FirstStage
from metier.compression.command_defaults import SUMMARIES
from metier.compression.dynamic_int8 import DynamicInt8
from metier.compression.layers import DroppedLayers, ShallowStudent
from metier.compression.narrowing import Narrowed
from metier.compression.sparse import Sparse
from metier.compression.static_int8 import StaticInt8
from metier.compression.static_student import StaticStudent
from metier.compression.technique import Technique
from metier.compression.vocabulary import Vocabulary
from metier.errors import CallError, UnknownNameError

PLAIN: Mapping[str, Callable[[], Technique]] = {
    "int8": DynamicInt8,
    "int8_static": StaticInt8,
    "vocabulary": Vocabulary,
    "sparse": Sparse,
    "cascade": FirstStage,
    "static": StaticStudent,
}
WITH_NUMBER: Mapping[str, Callable[[float], Technique]] = {
    "layers": lambda number: DroppedLayers(int(number)),
    "distil": lambda number: ShallowStudent(int(number)),
    "width": Narrowed,
}
TRAINING = ("layers", "distil", "width", "static", "cascade")  # What learns from rows, and gains by a refit.
SEPARATOR = "+"

Chain = tuple[str, ...]


def parse_chain(text: str) -> Chain:
    """Read techniques joined by `+`, in the order in which they are applied.

    Raises
    ------
    UnknownNameError
        If there is no technique of a name.
    CallError
        If a number is missing or out of range.
    """
    names = tuple(part.strip() for part in text.split(SEPARATOR))
    for name in names:
        technique_of(name)
    return names


def technique_of(name: str) -> Technique:
    """Give a technique by its name with its setting."""
    kind, _, number = name.partition(":")
    if kind in PLAIN and not number:
        return PLAIN[kind]()
    if kind not in WITH_NUMBER:
        raise UnknownNameError("technique", name, known=[*SUMMARIES])
    return WITH_NUMBER[kind](_number(kind, number))


def _number(kind: str, text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    is_share = kind == "width"
    if not (0 < value < 1 if is_share else value >= 1 and value == int(value)):
        expected = "a share between 0 and 1, as width:0.5" if is_share else f"a number of layers, as {kind}:3"
        raise CallError(f"{kind} takes {expected}; found {text!r}. Correct the name of the technique.")
    return value


def trains(chain: Sequence[str]) -> bool:
    """Whether something of a chain learns from rows."""
    return any(name.partition(":")[0] in TRAINING for name in chain)


def written(chain: Sequence[str]) -> str:
    """Give a chain as it is typed."""
    return SEPARATOR.join(chain)
