"""Alarms sent to Prometheus' Alertmanager itself, which groups, silences and routes them as it does all others."""

from collections.abc import Mapping
from typing import Literal

from pydantic import Field, SecretStr

from metier.monitoring.alerts.alertmanager_form import posted_form
from metier.monitoring.alerts.http_post import post_json
from metier.monitoring.alerts.notices import Notice
from metier.monitoring.alerts.receiver import ReceiverSettings
from metier.printable import printable_json

PATH = "/api/v2/alerts"


class AlertmanagerSettings(ReceiverSettings, frozen=True, extra="forbid"):
    """An Alertmanager."""

    kind: Literal["alertmanager"] = "alertmanager"
    url: SecretStr = Field(description="Its address, such as http://localhost:9093; `${NAME}` is filled in.")
    headers: Mapping[str, SecretStr] = Field(default={}, description="Such as Authorization: Bearer ${TOKEN}.")


class Alertmanager:
    """Sends notices to an Alertmanager; what comes twice is the same alarm there."""

    def __init__(self, settings: AlertmanagerSettings):
        self.settings = settings

    def send(self, notice: Notice) -> None:
        """Send a notice."""
        body = printable_json(posted_form(notice)).encode("utf-8", "replace")
        post_json(
            self.settings.url,
            PATH,
            body,
            headers=self.settings.headers,
            seconds=self.settings.deadline_seconds,
            own={},
        )
