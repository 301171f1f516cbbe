"""The state of a row, as the labels that were given make it."""

from collections.abc import Sequence
from dataclasses import dataclass

from metier.continual.queue.items import Answer, State, same_answer


@dataclass(frozen=True)
class Settled:
    """What labels make of a row.

    Parameters
    ----------
    state : str
    answer : mapping or None
        What is decided.
    by : str or None
        The labellers whose answer it is.
    """

    state: State
    answer: Answer | None = None
    by: str | None = None


def settle(said: Sequence[tuple[str, Answer | None]], *, needed: int) -> Settled:
    """Give the state of a row by what its labellers said of it.

    Parameters
    ----------
    said : sequence of (str, mapping or None)
        Labellers with their answers, None where one skipped the row; each labeller once.
    needed : int
        How many labellers shall see it.
    """
    answers = [(name, answer) for name, answer in said if answer is not None]
    if any(not same_answer(answers[0][1], other) for _, other in answers[1:]):
        return Settled("disagreed")
    if len(said) < needed or not said:
        return Settled("labelled" if answers else "waiting")
    if not answers:
        return Settled("skipped")
    return Settled("decided", answers[0][1], ", ".join(name for name, _ in answers))
