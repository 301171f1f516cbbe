"""What every source of figures is: names that it knows for a bundle and rows, and the measuring of one."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from metier.assurance.subject import Subject
from metier.evaluation.figure import Figure


@dataclass(frozen=True)
class FigureSource:
    """A source of figures.

    Parameters
    ----------
    name : str
        For people: what it measures.
    names : callable taking a Subject
        Gives the names that it can measure, without asking the bundle anything.
    measure : callable taking a Subject and a name
        Gives the figure of one of these names.
    is_share : callable taking a Subject and a name
        Says whether the figure lies between 0 and 1, before it is measured.
    """

    name: str
    names: Callable[[Subject], Iterable[str]]
    measure: Callable[[Subject, str], Figure]
    is_share: Callable[[Subject, str], bool]
