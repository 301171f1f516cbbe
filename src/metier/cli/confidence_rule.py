"""Which answers a person should look at: those below one confidence, or below that of their label."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import click
from pydantic import BaseModel, Field, ValidationError

from metier.arguments import check_share
from metier.cli.shares import Share
from metier.errors import CallError, quoted
from metier.given_files import FileFaultError, given_json


class _Abstention(BaseModel):
    threshold: float | None = Field(default=None, ge=0, le=1)
    labels: dict[str, Annotated[float, Field(ge=0, le=1)] | None]


class _Evaluated(BaseModel):
    """What `metier evaluate --target-accuracy --output` wrote, as far as it is taken."""

    abstention: _Abstention


@dataclass(frozen=True)
class ConfidenceRule:
    """The confidence from which on an answer is given without a person.

    Parameters
    ----------
    common : float or None
        For labels without one of their own; None: no confidence suffices.
    labels : mapping of str to float or None
    origin : Path or None
        The file that it was read from.
    """

    common: float | None
    labels: Mapping[str, float | None] = field(default_factory=dict)
    origin: Path | None = None

    def __post_init__(self) -> None:
        for number in (self.common, *self.labels.values()):
            if number is not None:
                check_share(number, "min_confidence")

    def check_labels(self, known: Sequence[str]) -> None:
        """Refuse thresholds of labels that a model does not have: they were measured of another one."""
        strange = next((label for label in self.labels if label not in known), None)
        if strange is not None:
            raise CallError(
                f"{self.origin} has a threshold for the label {quoted(strange)}, which the model does not have. Write the "
                "thresholds of this model with: metier evaluate RUN FILE --target-accuracy 0.98 --output FILE"
            )

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
        try:
            float(str(value))
        except ValueError:
            return _read(Path(str(value)))
        return ConfidenceRule(Share().convert(value, param, ctx))


def _read(path: Path) -> ConfidenceRule:
    try:
        found = _Evaluated.model_validate(given_json(path), strict=True).abstention
    except FileNotFoundError:
        raise CallError(
            f"--min-confidence is neither a number from 0 to 1 nor a file: {path}. Give a number such as 0.8, "
            "or the file that metier evaluate --target-accuracy --output wrote."
        ) from None
    except (FileFaultError, ValidationError):
        raise CallError(
            f"{path} holds no thresholds. Write them with: metier evaluate RUN FILE --target-accuracy 0.98 --output {path}"
        ) from None
    return ConfidenceRule(found.threshold, found.labels, path)
