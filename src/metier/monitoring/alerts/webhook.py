"""Alarms sent to a webhook in the form of Prometheus' Alertmanager, version 4, which many services read."""

import hashlib
import hmac
from collections.abc import Mapping
from typing import Literal

from pydantic import Field

from metier.monitoring.alerts.alertmanager import webhook_form
from metier.monitoring.alerts.http_post import post_json
from metier.monitoring.alerts.notices import Notice
from metier.monitoring.alerts.receiver import ReceiverSettings
from metier.monitoring.alerts.secret_texts import SecretText, revealed
from metier.printable import printable_json


class WebhookSettings(ReceiverSettings, frozen=True, extra="forbid"):
    """A webhook."""

    kind: Literal["webhook"] = "webhook"
    url: SecretText = Field(description="Where to send; `${NAME}` and `${file:PATH}` are filled in.")
    headers: Mapping[str, SecretText] = Field(
        default={}, description="Such as Authorization: Bearer ${TOKEN}; filled in, too."
    )
    signing_key: SecretText | None = Field(
        default=None, description="HMAC-SHA256 of the body by this key stands in X-Metier-Signature."
    )


class Webhook:
    """Sends notices to a webhook."""

    def __init__(self, settings: WebhookSettings):
        self.settings = settings

    def send(self, notice: Notice) -> None:
        """Send a notice; `Idempotency-Key` is the same at each try."""
        body = printable_json(webhook_form(notice, self.settings.called)).encode("utf-8", "replace")
        own = {"idempotency-key": notice.key}
        if self.settings.signing_key is not None:
            key = revealed(self.settings.signing_key).encode()
            own["x-metier-signature"] = f"sha256={hmac.new(key, body, hashlib.sha256).hexdigest()}"
        post_json(
            self.settings.url,
            "",
            body,
            headers=self.settings.headers,
            seconds=self.settings.deadline_seconds,
            own=own,
        )
