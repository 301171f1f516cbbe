"""Prometheus' Alertmanager: the forms in which it sends and takes alarms, and alarms sent to it, which it then routes.

Labels are ASCII names of letters, digits and `_` in all versions in use; what a series is called otherwise, such as 公司,
stands there by the numbers of its letters and as it is in the annotation `series`.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from pydantic import Field

from metier.monitoring.alerts.http_post import post_json
from metier.monitoring.alerts.notices import Notice, Told, series_json
from metier.monitoring.alerts.receiver import ReceiverSettings
from metier.monitoring.alerts.secret_texts import SecretText
from metier.printable import printable_json

PATH = "/api/v2/alerts"
OWN = frozenset({"alertname", "severity", "kind"})
NEVER = "0001-01-01T00:00:00Z"  # Alertmanager's end of what goes on.
MOST_CHARACTERS = 1_000  # Of a value.
FIGURES = ("observed", "expected", "times", "low", "high")
_is_label = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*").fullmatch


def labels_of(told: Told) -> dict[str, str]:
    """Give the labels of an alarm; the same finding always has the same but for its severity."""
    series = {_label(name): value[:MOST_CHARACTERS] for name, value in told.series.items() if value}
    return {
        "alertname": f"Metier{told.kind.capitalize()}",
        "severity": told.severity,
        "kind": told.kind,
        **series,
    }


def _label(name: str) -> str:
    if not _is_label(name):
        return "series_" + "_".join(f"{ord(letter):x}" for letter in name)
    return f"series_{name}" if name in OWN or name.startswith("__") else name


def annotations_of(told: Told, notice: Notice) -> dict[str, str]:
    """Give what explains an alarm, as texts."""
    quotes = told.quotes(notice.quotes)
    figures = {
        name: f"{told.facts[name]:.4g}" for name in FIGURES if isinstance(told.facts.get(name), int | float)
    }
    return {
        "summary": notice.sentence(told),
        "series": series_json(told.series),
        **figures,
        **({"examples": "\n".join(quotes)} if quotes else {}),
    }


def webhook_form(notice: Notice, receiver: str) -> dict[str, Any]:
    """Give the body that Alertmanager's webhook sends, version 4."""
    alerts = [_alert(one, notice) for one in notice.alerts]
    return {
        "version": "4",
        "groupKey": "{}:{" + ", ".join(f'{name}="{value}"' for name, value in notice.group.items()) + "}",
        "truncatedAlerts": 0,
        "status": "resolved" if notice.is_over else "firing",
        "receiver": receiver,
        "groupLabels": {
            _label(name) if name != "kind" else name: value for name, value in notice.group.items()
        },
        "commonLabels": _common(one["labels"] for one in alerts),
        "commonAnnotations": _common(one["annotations"] for one in alerts),
        "externalURL": notice.page,
        "alerts": alerts,
    }


def _alert(told: Told, notice: Notice) -> dict[str, Any]:
    return {
        "status": told.status,
        "labels": labels_of(told),
        "annotations": annotations_of(told, notice),
        "startsAt": written(told.since),
        "endsAt": NEVER if told.ended is None else written(told.ended),
        "generatorURL": notice.page,
        "fingerprint": told.fingerprint,
    }


def posted_form(notice: Notice, *, before: Mapping[str, str]) -> list[dict[str, Any]]:
    """Give the body that Alertmanager's `/api/v2/alerts` takes.

    What goes on ends there twice `repeat_hours` from now, unless it is sent again before: without an end Alertmanager
    takes it for over after five minutes. The severity is a label, so that what was sent as less grave is another alarm
    there, and is ended.

    Parameters
    ----------
    before : mapping of str to str
        As how grave findings were sent last, by their fingerprints.
    """
    until = notice.sent + timedelta(seconds=2 * notice.repeat_seconds)
    posted = []
    for one in notice.alerts:
        posted.append(_posted(one, notice, until if one.ended is None else max(one.ended, one.since)))
        other = before.get(one.fingerprint, one.severity)
        if other != one.severity:
            posted.append(_posted(replace(one, severity=other), notice, max(notice.sent, one.since)))
    return posted


def _posted(told: Told, notice: Notice, ends: datetime) -> dict[str, Any]:
    return {
        "labels": labels_of(told),
        "annotations": annotations_of(told, notice),
        "startsAt": written(told.since),
        "endsAt": written(ends),
        **({"generatorURL": notice.page} if notice.page else {}),
    }


def written(moment: datetime) -> str:
    """Give a time as RFC 3339 has it."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _common(each: Iterable[Mapping[str, str]]) -> dict[str, str]:
    first, *rest = each
    return {name: value for name, value in first.items() if all(one.get(name) == value for one in rest)}


class AlertmanagerSettings(ReceiverSettings, frozen=True, extra="forbid"):
    """An Alertmanager."""

    kind: Literal["alertmanager"] = "alertmanager"
    url: SecretText = Field(description="Its address, such as http://localhost:9093; `${NAME}` is filled in.")
    headers: Mapping[str, SecretText] = Field(default={}, description="Such as Authorization: Bearer ${TOKEN}.")


class Alertmanager:
    """Sends notices to an Alertmanager; what comes twice is the same alarm there."""

    def __init__(self, settings: AlertmanagerSettings):
        self.settings = settings
        self._severities: dict[str, str] = {}

    def send(self, notice: Notice) -> None:
        """Send a notice."""
        body = printable_json(posted_form(notice, before=self._severities)).encode("utf-8", "replace")
        post_json(
            self.settings.url,
            PATH,
            body,
            headers=self.settings.headers,
            seconds=self.settings.deadline_seconds,
            own={},
        )
        for one in notice.alerts:
            if one.ended is None:
                self._severities[one.fingerprint] = one.severity
            else:
                self._severities.pop(one.fingerprint, None)
