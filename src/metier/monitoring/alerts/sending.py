"""Receivers at work, each in a thread of its own with a deadline: one that hangs stops nobody else.

A thread cannot be ended from outside. One that is past its deadline is left alone: whatever it still does, its delivery
counts as failed and is tried again. A receiver that has left `MOST_HANGING` of them behind gets no more until one ends.
"""

import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from metier.errors import MetierError
from metier.monitoring.alerts.notices import Notice
from metier.monitoring.alerts.receiver import NotDelivered, Receiver

MOST_HANGING = 3


@dataclass(frozen=True)
class Result:
    """What became of a try.

    Parameters
    ----------
    fault : NotDelivered or None
        Why it did not arrive.
    """

    fault: NotDelivered | None
    seconds: float


@dataclass
class Attempt:
    """A notice on its way, as its thread knows it.

    Parameters
    ----------
    began : float
        By the monotonic clock, once `has_begun` is set.
    result : Result or None
        Once `is_done` is set.
    """

    notice: Notice
    began: float = 0.0
    result: Result | None = None
    has_begun: threading.Event = field(default_factory=threading.Event)
    is_done: threading.Event = field(default_factory=threading.Event)


class Lane:
    """One receiver, and the threads that it has left behind."""

    def __init__(self, receiver: Receiver):
        self.receiver = receiver
        self._threads: list[threading.Thread] = []
        self._stopped = threading.Event()

    @property
    def is_free(self) -> bool:
        """Whether it takes notices."""
        self._threads = [one for one in self._threads if one.is_alive()]
        return len(self._threads) < MOST_HANGING

    def start(self, notices: Sequence[Notice]) -> list[Attempt]:
        """Send notices one after another in a thread; gives the attempts at once."""
        attempts = [Attempt(one) for one in notices]
        self._stopped = threading.Event()
        thread = threading.Thread(
            target=_send_all,
            args=(self.receiver, attempts, self._stopped),
            name=f"alerts-{self.receiver.settings.called}",
            daemon=True,
        )
        thread.start()
        self._threads.append(thread)
        return attempts

    def results(self, attempts: Sequence[Attempt]) -> Iterator[tuple[Notice, Result | None]]:
        """Give what became of each, as soon as it is known or its deadline is over; None: left, as one before it hangs."""
        deadline = self.receiver.settings.deadline_seconds
        for one in attempts:
            if self._stopped.is_set():
                yield one.notice, None
                continue
            one.has_begun.wait()
            if one.is_done.wait(max(one.began + deadline - time.monotonic(), 0.0)):
                yield one.notice, one.result
            else:
                self._stopped.set()
                reason = f"The receiver did not answer within {deadline:g} s."
                yield one.notice, Result(NotDelivered(reason), deadline)


def _send_all(receiver: Receiver, attempts: Sequence[Attempt], stopped: threading.Event) -> None:
    for one in attempts:
        if stopped.is_set():
            return
        one.began = time.monotonic()
        one.has_begun.set()
        fault = _fault(receiver, one.notice)
        one.result = Result(fault, time.monotonic() - one.began)
        one.is_done.set()


def _fault(receiver: Receiver, notice: Notice) -> NotDelivered | None:
    try:
        receiver.send(notice)
    except NotDelivered as fault:
        return fault
    except MetierError as error:  # Such as a secret that is not set: it may be by the next try.
        return NotDelivered(str(error))
    except Exception as error:  # Of a library: it must not stop the watch; its text may hold a secret.
        return NotDelivered(f"The receiver failed with {type(error).__name__}.")
    return None
