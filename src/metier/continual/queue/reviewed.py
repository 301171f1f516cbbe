"""Answers of a service that wait for a person, in the queue of labellers: shown there first, and decided there as well.

What is decided in the service is a decided row of the queue, so an update learns it; what is decided in the queue becomes
the answer that the service gives. Whoever is first decides, and this may be done as often as one likes.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from metier.continual.queue.items import Answer, Item, NewItem
from metier.continual.queue.store import QueueStore
from metier.serving.reviews import Review, ReviewStore

SOURCE = "reviews"
URGENT = 10  # Somebody waits for the answer.
AT_ONCE = 500
SENTENCES = {
    "confidence": "the model is less sure than the policy asks for",
    "out_of_scope": "no label fits",
    "label": "the policy has a person look at this label",
    "word": "the policy has a person look at questions with such words",
    "field": "the policy has a person look at such fields",
    "chance": "drawn by chance from all answers",
}


@dataclass(frozen=True)
class Exchanged:
    """What went from one to the other.

    Parameters
    ----------
    added : int
        Answers that wait, new in the queue.
    decided_in_service, decided_in_queue : int
        Decisions that the other side was told.
    without_text : int
        Answers whose text is not kept, which nobody can label.
    """

    added: int
    decided_in_service: int
    decided_in_queue: int
    without_text: int


def exchange_reviews(reviews: ReviewStore, queue: QueueStore) -> Exchanged:
    """Put answers that wait into a queue, and tell either side what the other has decided."""
    every = _all(reviews)
    readable = [one for one in every if _text(one)]
    items = [_item(one) for one in readable]
    known = queue.known_ids(SOURCE)
    queue.add(items, mask=False)  # The service has masked the texts as its policy says.
    in_service = sum(_tell_queue(queue, one) for one in readable if one.state == "decided")
    in_queue = sum(_tell_service(reviews, queue, one) for one in readable if one.state == "waiting")
    n_new = sum(one.id not in known for one in readable)
    return Exchanged(n_new, in_service, in_queue, len(every) - len(readable))


def _all(reviews: ReviewStore) -> list[Review]:
    found: list[Review] = []
    while some := reviews.list(after=found[-1].number if found else 0, limit=AT_ONCE):
        found += some
    return found


def _tell_queue(queue: QueueStore, review: Review) -> bool:
    found = queue.find_by_id(SOURCE, review.id)
    answer = _answer(review.decision)
    if found is None or found.state == "decided" or answer is None:
        return False
    queue.decide(found.number, answer, review.decided_by or "the service")
    return True


def _tell_service(reviews: ReviewStore, queue: QueueStore, review: Review) -> bool:
    found = queue.find_by_id(SOURCE, review.id)
    if found is None or found.state != "decided" or found.answer is None:
        return False
    said = _decision(found)
    return said is not None and reviews.decide(review.id, said, by=found.decided_by) is not None


def _decision(item: Item) -> Any:
    """Give what the service takes of an answer of the queue; None: it takes no spans."""
    answer = item.answer or {}
    return answer.get("label", answer.get("labels"))


def _answer(decision: Any) -> Answer | None:
    """Give a decision as the queue has answers; None: it is no label."""
    if isinstance(decision, str):
        return {"label": decision}
    return {"labels": list(decision)} if isinstance(decision, Sequence) else None


def _item(review: Review) -> NewItem:
    shown = {name: review.answer[name] for name in ("label", "labels", "probability") if name in review.answer}
    if isinstance(shown.get("labels"), dict):
        shown["labels"] = list(shown["labels"])
    return NewItem(
        source=SOURCE,
        id=review.id,
        text=_text(review),
        reasons=tuple((name, SENTENCES[name]) for name in review.reasons),
        suggestion=shown or None,
        version=review.version,
        is_audit=review.reasons == ("chance",),
        urgent=URGENT,
        subject_digest=review.subject,
        facts={"model": review.model},
    )


def _text(review: Review) -> str:
    return str((review.question or {}).get("text") or "")
