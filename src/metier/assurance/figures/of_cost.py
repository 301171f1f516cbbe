"""Figures of what an answer costs, as they were measured when the bundle was sealed; none of them is drawn from rows."""

from collections.abc import Callable, Iterator

from metier.assurance.figures.source import FigureSource
from metier.assurance.subject import Subject
from metier.bundles.manifest import MeasuredFacts
from metier.evaluation.figure import Figure

MEGABYTE = 1e6
COSTS: dict[str, Callable[[MeasuredFacts], float]] = {
    "latency_ms.p50": lambda facts: facts.latency_ms.p50,
    "latency_ms.p95": lambda facts: facts.latency_ms.p95,
    "rows_per_second": lambda facts: facts.rows_per_second,
    "size_mb": lambda facts: facts.size_bytes / MEGABYTE,
}


def names_of(subject: Subject) -> Iterator[str]:
    """Give what was measured."""
    yield from COSTS if subject.bundle.measured is not None else ()


def figure_of(subject: Subject, name: str) -> Figure:
    """Give one of them."""
    facts = subject.bundle.measured
    assert facts is not None  # It is named only where it was measured.
    return Figure.exact(COSTS[name](facts), higher_is_better=name == "rows_per_second")


COST = FigureSource("cost of an answer", names_of, figure_of, lambda subject, name: False)
