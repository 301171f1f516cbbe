"""The time of a watch: that of the machine, but never before what it was."""

import time
from datetime import UTC, datetime

JUMP_SECONDS = 5.0  # Smaller steps back are how clocks are kept right.


class Clock:
    """Tells the time; where the machine's clock is set back, it stands until that has caught up.

    Parameters
    ----------
    since : float
        Seconds since 1970 that have been told before, as by a watch that ran before.
    """

    def __init__(self, since: float = 0.0):
        self._latest = since
        self.set_back_seconds = 0.0

    def seconds(self) -> float:
        """Give the seconds since 1970, and note by how much the machine's clock is behind what was told."""
        now = time.time()
        self.set_back_seconds = max(self._latest - now, 0.0)
        self._latest = max(self._latest, now)
        return self._latest

    def now(self) -> datetime:
        """Give the time in UTC."""
        return datetime.fromtimestamp(self.seconds(), UTC)

    @property
    def is_set_back(self) -> bool:
        """Whether the machine's clock was set back."""
        return self.set_back_seconds > JUMP_SECONDS
