"""What a watch asks of whoever tells people: note findings, and deliver what is due."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Protocol

from sqlalchemy import Connection

from metier.monitoring.findings import Finding


class Transactions(Protocol):
    """Where the tables of a watch are: `registry.database.Database`, or a store that has one."""

    def writing(self) -> AbstractContextManager[Connection]:
        """Give a connection whose changes are all kept, or none."""

    def reading(self) -> AbstractContextManager[Connection]:
        """Give a connection that changes nothing."""


class Alerts(Protocol):
    """Tells people of findings.

    Both steps may be repeated after a kill: nothing is lost, and nothing that is known to have arrived is told again.
    """

    def tell(self, store: Transactions, findings: Sequence[Finding], now: float) -> None:
        """Write findings down, and what is to be sent of them, in one transaction.

        A store that has written the findings already, in the transaction that judged a period, may leave this out:
        `deliver` finds them.

        Parameters
        ----------
        now : float
            Seconds since 1970 in UTC.
        """

    def deliver(self, store: Transactions, now: float) -> None:
        """Send what is due. Raises nothing where a receiver fails: it is tried again later."""
