"""Keys as they are pressed: from a terminal one by one, without waiting for Enter; from a pipe sign by sign.

A terminal is set so that no sign is echoed and Ctrl-C and Ctrl-Z come as keys, and set back at the end, whatever happens.
"""

import codecs
import contextlib
import os
import re
import sys
import termios
from collections.abc import Iterator

from metier.printable import printable

NAMES = {"\n": "enter", "\r": "enter", " ": "space", "\x7f": "backspace", "\x08": "backspace"}
NAMES |= {"\x1b": "escape", "\x1a": "undo", "\x03": "quit", "\x04": "quit"}
# Arrows, function keys and the like: sequences that begin with escape, of which none is a key here.
_SEQUENCE = re.compile("\x1b[\\[O][0-9;]*[ -/]*[@-~]")
READ_BYTES = 1_024


def keys(source: int | None = None) -> Iterator[str]:
    """Give keys by name (`enter`, `space`, `backspace`, `escape`, `undo`, `quit`) or as the sign they type.

    Parameters
    ----------
    source : int, optional
        A file descriptor; None: stdin. At its end comes `quit`.
    """
    descriptor = sys.stdin.fileno() if source is None else source
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    with _unbuffered(descriptor):
        while read := _read(descriptor):
            for sign in _SEQUENCE.sub("", decoder.decode(read)):
                name = NAMES.get(sign, sign)
                if len(name) > 1 or printable(sign) == sign != "\t":
                    yield name
    yield "quit"


def _read(descriptor: int) -> bytes:
    try:
        return os.read(descriptor, READ_BYTES)
    except OSError:  # The terminal was closed.
        return b""


@contextlib.contextmanager
def _unbuffered(descriptor: int) -> Iterator[None]:
    if not os.isatty(descriptor):
        yield
        return
    before = termios.tcgetattr(descriptor)
    changed = termios.tcgetattr(descriptor)
    changed[3] &= ~(termios.ECHO | termios.ICANON | termios.ISIG | termios.IEXTEN)
    termios.tcsetattr(descriptor, termios.TCSADRAIN, changed)
    try:
        yield
    finally:
        with contextlib.suppress(termios.error):
            termios.tcsetattr(descriptor, termios.TCSADRAIN, before)
