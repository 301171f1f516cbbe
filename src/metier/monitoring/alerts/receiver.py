"""What every receiver of alerts has: its settings, what it sends, and how it says that it could not."""

from collections.abc import Mapping
from typing import Protocol

from pydantic import BaseModel, Field

from metier.errors import MetierError
from metier.monitoring.alerts.notices import Notice, Told
from metier.monitoring.findings import Severity

EVERY: tuple[Severity, ...] = ("info", "warning", "critical")


class ReceiverSettings(BaseModel, frozen=True, extra="forbid"):
    """What all receivers can be told: which alarms they get, and how long one may take."""

    kind: str
    name: str = Field(
        default="", max_length=100, description="In the list of deliveries. Default: the kind; no two the same."
    )
    severities: tuple[Severity, ...] = Field(
        default=EVERY, min_length=1, description="Which alarms are sent: info, warning, critical."
    )
    series: Mapping[str, str] = Field(
        default={}, description="Only alarms of series with these values, such as company: Acme."
    )
    tells_ended: bool = Field(
        default=True, description="Whether the end of an alarm that was sent is sent, too."
    )
    quotes: int = Field(default=3, ge=0, le=20, description="Most example texts of an alarm; 0: none.")
    deadline_seconds: float = Field(
        default=15, gt=0, le=300, description="Time that one delivery may take; then it is tried again."
    )

    @property
    def called(self) -> str:
        """Its name."""
        return self.name or self.kind

    def wants(self, told: Told) -> bool:
        """Whether an alarm is one for this receiver."""
        return told.severity in self.severities and self.series.items() <= told.series.items()


class Receiver(Protocol):
    """Sends a notice to one place."""

    @property
    def settings(self) -> ReceiverSettings:
        """Its settings."""

    def send(self, notice: Notice) -> None:
        """Send a notice; it may come twice, with the same `Notice.key`.

        Raises
        ------
        NotDelivered
            If it did not arrive.
        """


class NotDelivered(MetierError):  # noqa: N818
    """A notice that did not arrive, and whether another try may help.

    Parameters
    ----------
    reason : str
        A sentence without secrets.
    is_final : bool, default=False
        Whether the receiver refuses it for good.
    retry_after_seconds : float
        How long the receiver wants to be left alone.
    """

    code = "not_delivered"

    def __init__(self, reason: str, *, is_final: bool = False, retry_after_seconds: float = 0.0):
        self.is_final, self.retry_after_seconds = is_final, retry_after_seconds
        super().__init__(reason)
