"""A case of a behaviour test: a question, the same question edited, and what became of the answer."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from metier.evaluation.figure import Figure

INVARIANCE, DIRECTION, MINIMUM = "invariance", "direction", "minimum"
KINDS = (INVARIANCE, DIRECTION, MINIMUM)


@dataclass(frozen=True)
class Case:
    """One case.

    Parameters
    ----------
    before : str or None
        The question as it stood; None where only one question is asked.
    after : str
        The question that is put to the test.
    expected, found : Any
        What should have been answered, and what was.
    passed : bool
    """

    before: str | None
    after: str
    expected: Any
    found: Any
    passed: bool

    def as_dict(self) -> dict[str, Any]:
        """Give it as plain values, for JSON."""
        return {
            "before": self.before,
            "after": self.after,
            "expected": self.expected,
            "found": self.found,
            "passed": self.passed,
        }


@dataclass(frozen=True)
class BehaviourResult:
    """What a test found.

    Parameters
    ----------
    kind : {"invariance", "direction", "minimum"}
    name : str
    does : str
        What it tries, in words.
    cases : tuple of Case
        All of them, those that passed too.
    left_out : int
        Rows that had nothing to edit, or whose meaning the edit would have changed.
    """

    kind: str
    name: str
    does: str
    cases: tuple[Case, ...]
    left_out: int = 0

    @property
    def failures(self) -> Sequence[Case]:
        """The cases that failed."""
        return [case for case in self.cases if not case.passed]

    @property
    def figure(self) -> Figure | None:
        """The share of cases that failed, with its exact interval; None without a case."""
        if not self.cases:
            return None
        return Figure.of_share(len(self.failures), len(self.cases), higher_is_better=False)

    def as_dict(self) -> Mapping[str, Any]:
        """Give it as plain values, for JSON."""
        figure = self.figure
        return {
            "kind": self.kind,
            "name": self.name,
            "does": self.does,
            "cases": [case.as_dict() for case in self.cases],
            "failures": len(self.failures),
            "left_out": self.left_out,
            "failure": None if figure is None else figure.as_dict(),
        }
