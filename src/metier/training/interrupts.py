"""Ctrl-C during training: deferred until the current step is complete."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def deferred_interrupt() -> Iterator[Callable[[], bool]]:
    """Hold Ctrl-C back until a step is whole, so that the checkpoint is of a state that exists.

    Yields a function that says whether Ctrl-C was pressed. A second one interrupts at once. Outside the main
    thread signals cannot be held, and nothing is.
    """
    pressed: list[int] = []

    def hold(number: int, frame: Any) -> None:
        if pressed:
            raise KeyboardInterrupt
        pressed.append(number)

    if threading.current_thread() is not threading.main_thread():
        yield lambda: False
        return
    before = signal.signal(signal.SIGINT, hold)
    try:
        yield lambda: bool(pressed)
    finally:
        signal.signal(signal.SIGINT, before)
