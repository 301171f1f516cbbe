"""Alarms sent to any service that the package apprise knows by a URL: chats, telephones, paging."""

import importlib
from typing import Any, Literal

from pydantic import Field

from metier.errors import MissingExtraError
from metier.monitoring.alerts.notices import Notice
from metier.monitoring.alerts.receiver import NotDelivered, ReceiverSettings
from metier.monitoring.alerts.secret_texts import SecretText, revealed


class AppriseSettings(ReceiverSettings, frozen=True, extra="forbid"):
    """Services by their apprise URLs."""

    kind: Literal["apprise"] = "apprise"
    urls: tuple[SecretText, ...] = Field(
        min_length=1, description="Such as slack://${SLACK_TOKEN}/#alerts; `${NAME}` is filled in."
    )


class Apprise:
    """Sends notices by apprise.

    Raises
    ------
    MissingExtraError
        If apprise is not installed.
    """

    def __init__(self, settings: AppriseSettings):
        self.settings = settings
        try:
            self._apprise: Any = importlib.import_module("apprise")
        except ModuleNotFoundError:
            raise MissingExtraError("Sending alarms by apprise", extra="apprise") from None

    def send(self, notice: Notice) -> None:
        """Send a notice to each URL; where one fails, all get it again."""
        sender = self._apprise.Apprise()
        for place, url in enumerate(self.settings.urls, 1):
            if not sender.add(revealed(url)):
                raise NotDelivered(f"apprise does not know the service of URL {place}.", is_final=True)
        kind = "success" if notice.is_over else "warning"
        if not sender.notify(
            body="\n".join(notice.lines()), title=notice.title, notify_type=kind, body_format="text"
        ):
            raise NotDelivered("apprise could not deliver to every URL; its log says why.")
