"""Alarms written to the terminal or the log of the process that watches."""

import sys
from typing import Literal

from pydantic import Field

from metier.monitoring.alerts.notices import Notice
from metier.monitoring.alerts.receiver import NotDelivered, ReceiverSettings
from metier.printable import printable


class ConsoleSettings(ReceiverSettings, frozen=True, extra="forbid"):
    """The console."""

    kind: Literal["console"] = "console"
    stream: Literal["stdout", "stderr"] = Field(default="stderr", description="Where lines are written.")


class Console:
    """Writes notices as lines."""

    def __init__(self, settings: ConsoleSettings):
        self.settings = settings

    def send(self, notice: Notice) -> None:
        """Write a notice; signs that would act on a terminal are shown by their numbers."""
        stream = sys.stdout if self.settings.stream == "stdout" else sys.stderr
        text = "".join(f"{printable(line)}\n" for line in notice.lines())
        encoding = stream.encoding or "utf-8"
        try:
            stream.write(text.encode(encoding, "backslashreplace").decode(encoding))
            stream.flush()
        except (OSError, ValueError) as error:
            raise NotDelivered(f"The console cannot be written: {error}.") from error
