"""Which periods are over: those that no message is expected for any more."""

from collections.abc import Sequence
from datetime import datetime

from metier.monitoring.series import SECONDS
from metier.monitoring.turns import Turn
from metier.monitoring.watch_settings import WatchSettings

HOUR_SECONDS = 3_600.0


def passed(turns: Sequence[Turn], settings: WatchSettings, now: datetime) -> float:
    """Give up to when every source has told all it has, in seconds since 1970.

    A source has passed its latest message; one that is read to its end, or that fails, has passed what lies longer back
    than the settings' patience, so that none keeps the others waiting for ever.
    """
    waited = now.timestamp() - settings.patience_hours * HOUR_SECONDS
    reached = []
    for turn in turns:
        own = float("-inf") if turn.latest is None else turn.latest
        reached.append(max(own, waited) if turn.waits else own)
    return min(reached)


def periods_over(
    turns: Sequence[Turn], settings: WatchSettings, now: datetime, *, next_period: int | None
) -> range:
    """Give the periods that are to be judged now.

    None after that of the latest message: where nothing comes at all, there is nothing to judge.

    Parameters
    ----------
    next_period : int or None
        After the last that was judged; None: there is no message yet.
    """
    seconds = SECONDS[settings.period]
    latest = max((turn.latest for turn in turns if turn.latest is not None), default=None)
    if next_period is None or latest is None:
        return range(0)
    until = passed(turns, settings, now) - settings.allowed_lateness_hours * HOUR_SECONDS
    if until == float("-inf"):
        return range(0)
    return range(next_period, min(int(until // seconds), int(latest // seconds) + 1))
