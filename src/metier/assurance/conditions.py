"""A condition of a policy: `accuracy >= 0.92`, `slice.language=zh.accuracy >= 0.9 * overall`, `accuracy >= live - 0.005`.

On the left stands a figure, and on the right a number, or a figure of the same rows that it is held against: `overall`,
the same metric on all rows, or `live`, the same figure of the bundle that answers today; times a number, plus or minus a
number. `accuracy.low >= 0.92` asks that the lower end of the interval itself stands there, as its name says.
"""

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass

from metier.errors import CallError, quoted

OVERALL, LIVE = "overall", "live"
ENDS = ("low", "high")
NUMBER = r"(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?"
CONDITION = re.compile(r"(?P<figure>\S.*?)\s*(?P<sign>>=|<=)\s*(?P<right>\S.*?)")
OTHER_SIGN = re.compile(r"\S.*?\s(?P<sign>==|=|>|<|≥|≤)\s.*")
RIGHT = re.compile(
    rf"(?:(?P<number>-?{NUMBER})"
    rf"|(?:(?P<factor>{NUMBER})\s*\*\s*)?(?P<other>{OVERALL}|{LIVE})(?:\s*(?P<plus>[+-])\s*(?P<added>{NUMBER}))?)"
)
EXAMPLE = (
    "accuracy >= 0.92, ece <= 0.03, slice.language=zh.accuracy >= 0.9 * overall or accuracy >= live - 0.005"
)


@dataclass(frozen=True)
class Condition:
    """What a figure has to be.

    Parameters
    ----------
    text : str
        As it was written.
    figure : str
        Name of the figure, without the end of its interval.
    end : {"low", "high"} or None
        Which end of the interval is asked for; None: the figure, which the whole interval speaks for.
    sign : {">=", "<="}
    other : {"overall", "live"} or None
        What the threshold stands in relation to; None: it is a number.
    factor : float
        Of `other`.
    added : float
        The number, or what is added to `other`.
    """

    text: str
    figure: str
    end: str | None
    sign: str
    other: str | None
    factor: float
    added: float

    @classmethod
    def parse(cls, text: str, *, origin: str) -> "Condition":
        """Read a condition.

        Parameters
        ----------
        origin : str
            The file and the place in it, for messages.

        Raises
        ------
        CallError
            If it is no condition.
        """
        found = CONDITION.fullmatch(text.strip())
        if found is None and (other := OTHER_SIGN.fullmatch(text.strip())):
            raise CallError(
                f"{origin}: {quoted(text)} compares with {other['sign']}. An interval is told from a number on one side: "
                "write >= or <=."
            )
        if found is None:
            raise CallError(f"{origin}: {quoted(text)} is no condition. Write one like {EXAMPLE}.")
        right = RIGHT.fullmatch(found["right"])
        if right is None:
            raise CallError(
                f"{origin}: {quoted(text)} has {found['right']!r} on its right. Expected a number, or {OVERALL} or {LIVE} "
                f"with a factor before it or a number added, as in 0.9 * {OVERALL} or {LIVE} - 0.005."
            )
        if not all(map(math.isfinite, _numbers(right))):
            raise CallError(
                f"{origin}: {quoted(text)} has a number too large to compare with. Write a smaller one."
            )
        figure, _, end = found["figure"].rpartition(".")
        if end not in ENDS:
            figure, end = found["figure"], ""
        added = float(right["number"] or right["added"] or 0)
        return cls(
            text.strip(),
            figure,
            end or None,
            found["sign"],
            right["other"],
            float(right["factor"] or 1),
            -added if right["plus"] == "-" else added,
        )


def _numbers(right: re.Match[str]) -> Iterator[float]:
    return (float(right[name] or 0) for name in ("number", "factor", "added"))
