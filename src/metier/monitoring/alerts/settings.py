"""The settings `alerts` of a watch: who is told, how alarms are grouped, and how often one is told again."""

from collections import Counter
from typing import Annotated, Literal, Self

from pydantic import BaseModel, Field, model_validator

from metier.monitoring.alerts.alertmanager import AlertmanagerSettings
from metier.monitoring.alerts.apprise_urls import AppriseSettings
from metier.monitoring.alerts.console import ConsoleSettings
from metier.monitoring.alerts.json_lines import FileSettings
from metier.monitoring.alerts.mail import EmailSettings
from metier.monitoring.alerts.roll_back import RollBackSettings
from metier.monitoring.alerts.webhook import WebhookSettings

AnyReceiver = Annotated[
    WebhookSettings
    | AlertmanagerSettings
    | EmailSettings
    | FileSettings
    | ConsoleSettings
    | AppriseSettings
    | RollBackSettings,
    Field(discriminator="kind"),
]


class AlertSettings(BaseModel, frozen=True, extra="forbid"):
    """Who is told of findings, and when."""

    receivers: tuple[AnyReceiver, ...] = Field(default=(), description="Where alarms are sent.")
    group_by: tuple[str, ...] = Field(
        default=(),
        description="Alarms with the same values of these are sent together: `kind`, or names of the series, such as "
        "`company`. Nothing: all together.",
    )
    group_wait_seconds: float = Field(
        default=30, ge=0, le=3_600, description="How long the first alarm of a group waits for others."
    )
    repeat_hours: float = Field(
        default=24,
        ge=0.05,
        description="An alarm that goes on and that nobody has acknowledged is sent again then.",
    )
    tell_within_days: float = Field(
        default=7,
        gt=0,
        description="Alarms raised earlier, as in an archive that is read first, are sent to nobody.",
    )
    most_together: int = Field(default=50, ge=1, le=1_000, description="Most alarms of one delivery.")
    tries: int = Field(
        default=8, ge=1, le=100, description="Deliveries that fail as often are set aside as dead."
    )
    first_pause_seconds: float = Field(
        default=10, gt=0, description="Pause before the second try; doubled each time, up to an hour."
    )
    language: Literal["en", "zh"] = Field(default="en", description="Language of what people read.")
    page: str = Field(default="", max_length=500, description="Address of the morning page, sent along.")

    @model_validator(mode="after")
    def _names_differ(self) -> Self:
        twice = [name for name, n in Counter(one.called for one in self.receivers).items() if n > 1]
        if twice:
            raise ValueError(f"two receivers are called {twice[0]}; give each a `name` of its own")
        return self
