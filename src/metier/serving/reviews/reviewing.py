"""What the endpoints of a service tell the store of reviews, and ask it; without a policy nothing waits."""

import asyncio
import pkgutil
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from starlette.requests import Request

from metier.errors import PredictionLogError
from metier.serving.models import Model
from metier.serving.prediction_log.kept_texts import TextPolicy, kept_answer, kept_question
from metier.serving.prediction_log.recorder import WAIT_SECONDS, caller_of, subject_of
from metier.serving.refusals import RETRY_AFTER, RefusalError
from metier.serving.request_reading import Questions
from metier.serving.reviews.review_policy import ReviewPolicy

if TYPE_CHECKING:
    from metier.serving.reviews.review_store import Review, ReviewStore

T = TypeVar("T")
SHOWN = ("prediction_id", "answered_by")  # Of an answer that is withheld.
STORE = "metier.serving.reviews.review_store"


class Reviewing:
    """The reviews of one process of a service.

    Parameters
    ----------
    policy : ReviewPolicy or None
        None: nothing waits.
    where : Path, str or None
        Folder or URL of the predictions.
    texts : TextPolicy
        What of the texts is kept.
    count : callable taking a str and an int
        Told how many began to be `waiting` and how many were `decided`.
    """

    def __init__(
        self,
        policy: ReviewPolicy | None,
        where: Path | str | None,
        *,
        texts: TextPolicy = "masked",
        count: Callable[[str, int], None] = lambda outcome, n: None,
    ):
        self._policy, self._where, self._texts, self._count = policy, where, texts, count
        self._store: ReviewStore | None = None

    @property
    def is_on(self) -> bool:
        """Whether answers may wait."""
        return self._policy is not None and self._where is not None

    async def hold(
        self, request: Request, model: Model, asked: Questions, records: Sequence[Mapping[str, Any]]
    ) -> list[Mapping[str, Any]]:
        """Have those answers wait for which the policy has a reason, and give all with their state, once it is stored.

        Raises
        ------
        RefusalError
            503 if the store cannot be used now: an answer that should wait is not given.
        """
        policy = self._policy
        assert policy is not None  # Asked only where `is_on`.
        reasons = [
            policy.reasons(item, record, record["prediction_id"])
            for item, record in zip(asked.items, records, strict=True)
        ]
        waiting = [row for row, some in enumerate(reasons) if some]
        if not waiting:
            return list(records)
        facts = {
            "at": datetime.now(UTC),
            "model": model.name,
            "version": None if model.version is None else str(model.version),
            "caller": caller_of(request),
            "subject": subject_of(request, asked),
        }
        made = [(asked.items[row], records[row], tuple(reasons[row])) for row in waiting]
        await self._asked(lambda store: store.add([self._review(*one, facts) for one in made]))
        self._count("waiting", len(waiting))
        found: list[Mapping[str, Any]] = list(records)
        for row in waiting:
            found[row] = self._shown(records[row], reasons[row])
        return found

    async def find(self, review_id: str) -> "Review | None":
        """Give a review; None: there is none."""
        return await self._asked(lambda store: store.find(review_id))

    async def list(self, **how: Any) -> "list[Review]":
        """Give reviews, as `ReviewStore.list` does."""
        return await self._asked(lambda store: store.list(**how))

    async def decide(
        self, review_id: str, decision: Any, *, by: str | None, comment: str | None
    ) -> "Review | None":
        """Store a decision, as `ReviewStore.decide` does."""
        found = await self._asked(lambda store: store.decide(review_id, decision, by=by, comment=comment))
        if found is not None and (found.decision, found.decided_by) == (decision, by):
            self._count("decided", 1)
        return found

    def stop(self) -> None:
        """Close the store."""
        if self._store is not None:
            self._store.close()

    def _review(
        self, item: Any, record: Mapping[str, Any], reasons: tuple[str, ...], facts: Mapping[str, Any]
    ) -> "Review":
        made: Review = pkgutil.resolve_name(f"{STORE}:Review")(
            id=record["prediction_id"],
            question=kept_question(item, self._texts),
            answer=kept_answer({name: one for name, one in record.items() if name not in SHOWN}, self._texts),
            reasons=reasons,
            **facts,
        )
        return made

    def _shown(self, record: Mapping[str, Any], reasons: Sequence[str]) -> Mapping[str, Any]:
        assert self._policy is not None
        review = {"status": "waiting", "id": record["prediction_id"], "reasons": list(reasons)}
        kept = record if self._policy.answer == "shown" else {name: record[name] for name in SHOWN}
        return {**kept, "review": review}

    async def _asked(self, ask: "Callable[[ReviewStore], T]") -> T:
        def do() -> T:
            if self._store is None:
                self._store = pkgutil.resolve_name(f"{STORE}:ReviewStore")(
                    self._where, wait_seconds=WAIT_SECONDS
                )
            return ask(self._store)

        if not self.is_on:
            message = "This service keeps no reviews. Serve with --review POLICY --log-predictions FOLDER."
            raise RefusalError(422, "no_reviews", message)
        try:
            return await asyncio.to_thread(do)
        except PredictionLogError as failure:
            message = f"The store of reviews cannot be used now. {failure}"
            raise RefusalError(503, "no_store_now", message, headers=RETRY_AFTER) from None
