"""A roll-out as it stands, and what a service tells about it; without what they are stored with."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

from metier.registry.roll_out import Decision

HASH_RANGE = float(1 << 64)


class Status(StrEnum):
    """How a roll-out stands."""

    RUNNING = "running"
    PROMOTED = "promoted"
    ROLLED_BACK = "rolled back"
    STOPPED = "stopped"


@dataclass(frozen=True)
class Running:
    """A roll-out as it stands.

    Parameters
    ----------
    id : int
    name : str
        Of the model.
    champion, challenger : int
        The version that answers, and the one that may take over.
    share : float
        Of the callers, 0 to 1, that the challenger answers; of a shadow, that it is asked for.
    is_shadow : bool
        Whether nobody is given its answers.
    status : Status
    decision : Decision
    more_needed : int or None
        About how many more requests decide; None: that cannot be told.
    n_requests, n_challenger : int
        So far; of those, that the challenger was asked.
    began, ended : datetime
    who, why : str
    is_forced : bool
        Whether it may be promoted without a passed gate.
    """

    id: int
    name: str
    champion: int
    challenger: int
    share: float
    is_shadow: bool
    status: Status
    decision: Decision
    more_needed: int | None
    n_requests: int
    n_challenger: int
    began: datetime
    ended: datetime | None
    who: str
    why: str
    is_forced: bool

    @property
    def began_utc(self) -> datetime:
        """When it began; databases give the time without its zone."""
        return self.began if self.began.tzinfo is not None else self.began.replace(tzinfo=UTC)

    @property
    def criteria(self) -> tuple[str, ...]:
        """The names of what it is decided by."""
        return tuple(one.name for one in self.decision.standings)

    def asks_challenger(self, key: str) -> bool:
        """Whether the challenger is asked for a caller: always the same for the same one."""
        return int(self.hashed(key)[:16], 16) / HASH_RANGE < self.share

    def hashed(self, key: str) -> str:
        """Give what stands for a caller in this roll-out alone."""
        return hashlib.sha256(f"{self.id}:{self.began.isoformat()}:{key}".encode()).hexdigest()


@dataclass(frozen=True)
class Observed:
    """What a service observed since it told the last time.

    Parameters
    ----------
    n_requests, n_challenger : int
    numbers : mapping of str to sequence of (str or None, float)
        By criterion: who asked, hashed, and the number; None: it counts in any case.
    """

    n_requests: int
    n_challenger: int
    numbers: Mapping[str, Sequence[tuple[str | None, float]]]
