"""Which answers a person should look at: those below one confidence, or below that of their label."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import click

from metier.arguments import check_share
from metier.cli.shares import Share
from metier.errors import CallError


@dataclass(frozen=True)
class ConfidenceRule:
    """The confidence from which on an answer is given without a person.

    Parameters
    ----------
    common : float or None
        For labels without one of their own; None: no confidence suffices.
    labels : mapping of str to float or None
    """

    common: float | None
    labels: Mapping[str, float | None] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for number in (self.common, *self.labels.values()):
            if number is not None:
                check_share(number, "min_confidence")

    def needs_review(self, record: Mapping[str, Any]) -> bool:
        """Say whether a person should look at an answer."""
        least = self.labels.get(str(record.get("label")), self.common)
        return least is None or bool(record["probability"] < least)


class Confidence(click.ParamType[ConfidenceRule]):
    """A number from 0 to 1, or the file that `metier evaluate --target-accuracy --output` wrote."""

    name = "confidence"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> ConfidenceRule:
        """Read the number or the file."""
        if isinstance(value, ConfidenceRule):
            return value
        path = Path(str(value))
        return _read(path) if path.is_file() else ConfidenceRule(Share().convert(value, param, ctx))


def _read(path: Path) -> ConfidenceRule:
    try:
        found = json.loads(path.read_text("utf-8"))["abstention"]
        return ConfidenceRule(found.get("threshold"), found["labels"])
    except (ValueError, KeyError, TypeError, AttributeError):
        raise CallError(
            f"{path} holds no thresholds. Write them with: metier evaluate RUN FILE --target-accuracy 0.98 --output {path}"
        ) from None
