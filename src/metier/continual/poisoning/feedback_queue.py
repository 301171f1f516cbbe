"""Corrections of a service, from its prediction log into the queue: learned as they are, or waiting with a reason.

An accepted correction is a decided row of the queue, which an update learns. One that is held back is a row that waits for
a label, with the reason and the correction beside; labelling it decides, and keys or reasons can be let through at once.
Nothing that was given as feedback is lost or decided twice, however often this is done.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from metier.continual.poisoning.corrections import Corrections, Trusted
from metier.continual.poisoning.held import Held
from metier.continual.poisoning.screening import PoisoningSettings, screen
from metier.continual.queue.items import Item, NewItem
from metier.continual.queue.store import QueueStore
from metier.errors import CallError
from metier.serving.prediction_log import Prediction, PredictionLog

SOURCE = "feedback"
ACCEPTED = ("feedback", "a correction that agrees with trusted rows")
NOBODY = "anybody"  # Who sent it, where the service knows no keys.
Vectors = Callable[[Sequence[str]], np.ndarray]


@dataclass
class FeedbackTaken:
    """What became of the corrections of a log.

    Parameters
    ----------
    corrections, confirmations : int
        Those that say another label than was answered, and those that say the same.
    by_trusted_keys : int
        Corrections that are taken as they are.
    learned : int
        Corrections that are decided rows of the queue now, for the first time.
    held : tuple of Held
        Those that are held back, also from earlier calls.
    left_out : dict of str to int
        Feedback that is no correction of one label, by why.
    notes : tuple of str
    """

    corrections: int = 0
    confirmations: int = 0
    by_trusted_keys: int = 0
    learned: int = 0
    held: tuple[Held, ...] = ()
    left_out: dict[str, int] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def take_feedback(
    log: PredictionLog,
    queue: QueueStore,
    trusted: Trusted,
    vectors: Vectors,
    *,
    settings: PoisoningSettings | None = None,
    model: str | None = None,
    trusted_keys: Sequence[str] = (),
) -> FeedbackTaken:
    """Put the corrections of a log into a queue.

    Parameters
    ----------
    trusted : Trusted
        Their features by `vectors`.
    vectors : callable
        Gives the frozen features of texts, of shape (n_texts, n_features).
    model : str, optional
        Answers of this model alone.
    trusted_keys : sequence of str
        Keys whose corrections are taken as they are, such as those of reviewers.
    """
    found = FeedbackTaken()
    known = set(trusted.known)
    usable = [one for batch in log.read(model=model) for one in batch if _is_usable(one, known, found)]
    sure = [one for one in usable if _key(one) in trusted_keys and one.correction != one.label]
    found.by_trusted_keys = len(sure)
    queue.add([_item(one, None) for one in sure], mask=False)
    found.learned = sum(_is_settled(queue, _item(one, None)) for one in sure)
    told = [one for one in usable if _key(one) not in trusted_keys]
    if not told:
        return found
    corrections = Corrections(
        [one.id for one in told],
        [_key(one) for one in told],
        np.maximum.accumulate([one.at.timestamp() for one in told]),
        [str(one.label) for one in told],
        [str(one.correction) for one in told],
        vectors([str(one.text) for one in told]),
    )
    screened = screen(corrections, trusted, settings)
    changed = corrections.changed
    found.corrections, found.confirmations = int(changed.sum()), int((~changed).sum())
    held = {one.row: one for one in screened.held}
    found.held, found.notes = screened.held, screened.notes
    added = {row: _item(told[row], held.get(row)) for row in range(len(told)) if changed[row] or row in held}
    queue.add(list(added.values()), mask=False)  # The log has masked the texts as its policy says.
    found.learned += sum(_is_settled(queue, one) for row, one in added.items() if row not in held)
    return found


def let_through(queue: QueueStore, names: Sequence[str], *, by: str) -> int:
    """Let corrections through that are held back, and give how many that were.

    Parameters
    ----------
    names : sequence of str
        Reasons (`rate`, `key`, `pair`, `outlier`, `influence`), keys, or pairs of labels as `from>to`.
    by : str
        Who answers for it.

    Raises
    ------
    CallError
        If nothing of that name is held back.
    """
    waiting = list(held_back(queue))
    known = sorted({name for one in waiting for name in _names(one)})
    for name in names:
        if name not in known:
            raise CallError(f"Nothing is held back for {name!r}. Held back are: {', '.join(known) or 'none'}.")
    chosen = [one for one in waiting if set(_names(one)) & set(names)]
    for one in chosen:
        queue.decide(one.number, {"label": one.facts["said"]}, by)
    return len(chosen)


def held_back(queue: QueueStore) -> Iterator[Item]:
    """Give the rows of a queue that are corrections held back and wait for a person."""
    return (one for one in queue.items("waiting", "disagreed") if one.source == SOURCE)


def _names(item: Item) -> list[str]:
    reason = next(name for name, _ in item.reasons)
    return [reason, str(item.facts["key"]), f"{item.facts['answered']}>{item.facts['said']}"]


def _is_usable(one: Prediction, known: set[str], found: FeedbackTaken) -> bool:
    """Whether a prediction has a correction that can be judged; counts why not."""
    why = None
    if one.correction is None:
        return False
    if not isinstance(one.correction, str) or one.label is None:
        why = "not one label"
    elif not one.text:
        why = "no text is kept"
    elif one.correction not in known:
        why = "no trusted row has the label"
    if why is not None:
        found.left_out[why] = found.left_out.get(why, 0) + 1
    return why is None


def _key(one: Prediction) -> str:
    said = [said for said in one.feedback if said.correction is not None]
    return said[-1].caller or NOBODY


def _item(one: Prediction, held: Held | None) -> NewItem:
    reason = ACCEPTED if held is None else (held.reason, held.sentence)
    return NewItem(
        source=SOURCE,
        id=one.id,
        text=str(one.text),
        reasons=(reason,),
        suggestion={"label": one.label, "probability": one.confidence},
        version=one.version,
        urgent=0 if held is None else 1,
        subject_digest=one.subject,
        facts={"answered": one.label, "said": one.correction, "key": _key(one)},
    )


def _is_settled(queue: QueueStore, item: NewItem) -> bool:
    """Decide a row by its correction, unless it is decided; one that was held back before is accepted now."""
    found = queue.find_by_id(item.source, item.id)
    if found is None or found.state == "decided":
        return False
    queue.decide(found.number, {"label": item.facts["said"]}, f"feedback of {item.facts['key']}")
    return True
