"""Ask a bundle in batches, and say whether two of its answers are the same."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from metier.bundles import Model
from metier.progress import Listener, Progress, ignore
from metier.text.normalisation import normalise
from metier.text.offsets import Edit, move_offsets

BATCH = 256
# Two numbers are the same answer where they are no further apart than this share of how far answers spread.
SPREAD = 0.25

Same = Callable[[Any, Any, Sequence[Edit]], bool]


def answers_to(model: Model, items: Sequence[Any], *, what: str, listener: Listener = ignore) -> list[Any]:
    """Give the answers to questions, as the metrics of the task take them."""
    found: list[Any] = []
    for start in range(0, len(items), BATCH):
        listener(Progress(what, start, len(items)))
        found += list(model.predict(items[start : start + BATCH]).predicted)
    if items:
        listener(Progress(what, len(items), len(items)))
    return found


def same_answer(answers: Sequence[Any]) -> Same:
    """Give what says whether an answer is still the same after an edit.

    Labels are compared as they are, sets of labels as sets, spans by their type and by where they stand after the edit,
    texts without case and punctuation, and numbers by how far the answers to all rows spread.
    """
    numbers = [answer for answer in answers if isinstance(answer, int | float) and not isinstance(answer, bool)]
    if numbers and len(numbers) == len(answers):
        near = SPREAD * float(np.std(numbers))
        return lambda before, after, edits: abs(before - after) <= near
    return _same


def _same(before: Any, after: Any, edits: Sequence[Edit]) -> bool:
    if isinstance(before, str):
        return before == after or normalise(before) == normalise(str(after))
    if isinstance(before, list | tuple) and all(isinstance(one, str) for one in before):
        return set(before) == set(after)
    if is_spans(before):
        return {_moved(one, edits) for one in before} == {_moved(one, ()) for one in after}
    return bool(before == after)


def is_spans(answer: Any) -> bool:
    """Whether an answer is a list of spans, each beginning with its start and its end."""
    return (
        isinstance(answer, list | tuple)
        and len(answer) > 0
        and all(isinstance(one, list | tuple) and len(one) > 2 and isinstance(one[0], int) for one in answer)
    )


def _moved(span: Sequence[Any], edits: Sequence[Edit]) -> tuple[Any, ...]:
    start, end = move_offsets((span[0], span[1]), edits)
    return (start, end, *span[2:])
