"""Takes a promoted bundle back where the watch finds that accuracy fell after it: an alias of a registry is moved back.

A receiver like those that tell people, so that it is tried again after a failure or a kill. It moves an alias once at
most for a promotion: only what was raised after the last promotion counts, and a roll-back is no promotion.
"""

from datetime import datetime
from typing import Literal

from pydantic import Field

from metier.errors import RegistryError, UnknownNameError
from metier.monitoring.alerts.notices import Notice, Told
from metier.monitoring.alerts.receiver import NotDelivered, ReceiverSettings
from metier.monitoring.given_paths import GivenPath
from metier.registry.registry import CHAMPION, Change, Registry

WHO = "metier watch"


class RollBackSettings(ReceiverSettings, frozen=True, extra="forbid"):
    """An alias of a registry that is moved back."""

    kind: Literal["roll_back"] = "roll_back"
    registry: GivenPath = Field(description="Folder of the registry.")
    database: str | None = Field(
        default=None, description="URL of its database. Default: SQLite in the folder."
    )
    model: str = Field(description="Name of the model in the registry.")
    alias: str = Field(default=CHAMPION, description="What is moved back to the version before.")
    kinds: tuple[str, ...] = Field(default=("accuracy",), description="Kinds of findings that take it back.")


class RollBack:
    """Moves an alias back."""

    def __init__(self, settings: RollBackSettings):
        self.settings = settings

    def send(self, notice: Notice) -> None:
        """Take back what was promoted before one of these alarms was raised."""
        settings = self.settings
        alarms = [one for one in notice.alerts if one.ended is None and one.kind in settings.kinds]
        if not alarms:
            return
        if not settings.registry.is_dir():  # A mistyped folder must not become a registry.
            raise NotDelivered(f"There is no registry at {settings.registry}.")
        try:
            registry = Registry(settings.registry, url=settings.database)
            promoted = last_promotion(registry.history(settings.model), settings.alias)
            reason = next((one for one in alarms if promoted and _is_after(one, promoted)), None)
            if reason is not None:
                registry.roll_back(settings.model, alias=settings.alias, who=WHO, why=reason.sentence)
        except (RegistryError, UnknownNameError) as error:
            raise NotDelivered(str(error), is_final=True) from error


def last_promotion(history: list[Change], alias: str) -> Change | None:
    """Give the last change of an alias if it was a promotion of another version; None: it was not."""
    own = [one for one in history if one.alias == alias]
    if not own or own[-1].action != "promote" or own[-1].before in (None, own[-1].version):
        return None
    return own[-1]


def _is_after(told: Told, promoted: Change) -> bool:
    return told.raised > _in_utc(promoted.at, told.raised)


def _in_utc(time: datetime, like: datetime) -> datetime:
    """Give a time with the zone of another, where a database kept it without."""
    return time.replace(tzinfo=like.tzinfo) if time.tzinfo is None else time
