"""Whose turn a request is: the version that answers, the one that is rolled out, or one after the other as a shadow."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Any

from starlette.background import BackgroundTask
from starlette.requests import ClientDisconnect

from metier.serving.messages import Records, records_of
from metier.serving.models import Model
from metier.serving.refusals import RefusalError
from metier.serving.request_reading import Questions
from metier.serving.rolling_out.live import Following, Live

LOG = logging.getLogger("metier.serving")
Answer = Callable[[Model], Awaitable[tuple[Records, float]]]
_shadows: set[asyncio.Task[None]] = set()  # The event loop itself holds tasks only weakly.


@dataclass(frozen=True)
class Who:
    """Who asks.

    Parameters
    ----------
    key : str or None
        The subject of the question, or the name of the key; None: neither is known.
    request_id : str
    """

    key: str | None
    request_id: str

    @property
    def chosen_by(self) -> str:
        """What the version is chosen by: so that one caller always meets the same."""
        return self.key or self.request_id


@dataclass(frozen=True)
class Turn:
    """The answers to a request, and by whom they were given.

    Parameters
    ----------
    model : Model
    records : sequence of mappings
    latency_ms : float
    role : str
        `champion` or `challenger`.
    live : Live or None
        The roll-out, where one runs.
    """

    model: Model
    records: Records
    latency_ms: float
    role: str = "champion"
    live: Live | None = None


async def take_turn(model: Model, live: Live | None, who: Who, answer: Answer) -> Turn:
    """Answer by the version whose turn it is; a new version that fails is counted, and the champion answers.

    Parameters
    ----------
    model : Model
        The champion, or what else the caller named.
    live : Live or None
        The roll-out in which it is the champion.
    who : Who
    answer : callable
        Asks a model.
    """
    if live is None or live.running.is_shadow:
        records, latency_ms = await answer(model)
        return Turn(model, records, latency_ms, live=live)
    is_new, hashed = live.running.asks_challenger(who.chosen_by), live.hashed(who.key)
    if is_new:
        try:
            records, latency_ms = await answer(live.challenger)
        except (RefusalError, ClientDisconnect):
            raise
        except Exception as failure:
            LOG.error("version %d failed with %s", live.running.challenger, type(failure).__name__)
            live.observations.canary(hashed, is_new=True, records=None)
        else:
            live.observations.canary(hashed, is_new=True, records=records)
            return Turn(live.challenger, records, latency_ms, "challenger", live)
    try:
        records, latency_ms = await answer(model)
    except (RefusalError, ClientDisconnect):
        raise
    except Exception:
        if not is_new:
            live.observations.canary(hashed, is_new=False, records=None)
        raise
    if not is_new:
        live.observations.canary(hashed, is_new=False, records=records)
    return Turn(model, records, latency_ms, live=live)


def shadow_of(
    turn: Turn, asked: Questions, who: Who, following: Following, keep: Callable[[Turn], Any]
) -> BackgroundTask | None:
    """Give what asks the shadow once the answer was sent; None: there is none, or no thread is spare.

    Parameters
    ----------
    keep : callable
        Has the shadow's answers stored.
    """
    live = turn.live
    if live is None or not live.running.is_shadow:
        return None
    if not live.running.asks_challenger(who.chosen_by) or not following.has_spare_thread:
        live.observations.passed()
        return None

    async def begin() -> None:
        task = asyncio.create_task(_ask_shadow(live, turn, asked, keep))
        _shadows.add(task)
        task.add_done_callback(_shadows.discard)

    return BackgroundTask(begin)


async def _ask_shadow(live: Live, turn: Turn, asked: Questions, keep: Callable[[Turn], Any]) -> None:
    try:
        answered, latency_ms = await live.challenger.engine.answer(asked.items)
    except RefusalError:
        live.observations.passed()
    except Exception as failure:
        LOG.error("version %d failed with %s", live.running.challenger, type(failure).__name__)
        live.observations.shadow(turn.records, None)
    else:
        records = records_of(asked, answered)
        live.observations.shadow(turn.records, records)
        keep(replace(turn, model=live.challenger, records=records, latency_ms=latency_ms, role="shadow"))
