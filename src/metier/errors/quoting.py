"""What was given, as messages repeat it: cut where it is long, and with the nearest known name."""

import difflib
import reprlib
from collections.abc import Iterable

MOST_NAMED = 5  # Of what may be hundreds, a message names so many and counts the rest.
KEPT_OF_LONG = 40  # Characters of the beginning and of the end of a long name.
LONGEST_QUOTED = 80  # Characters of a value in a message: what was sent can be megabytes long.


def suggest(name: str, known: Iterable[str]) -> str:
    """Give ` Did you mean 'x'?` for the nearest known name, or an empty string; a version may be left out."""
    if len(name) > LONGEST_QUOTED:  # No slip of the keys, and comparing takes time and memory by its length.
        return ""
    names = list(known)
    folded = {candidate.casefold().rpartition(".v")[0]: candidate for candidate in names}
    folded |= {candidate.casefold(): candidate for candidate in names}
    folded.pop("", None)
    nearest = difflib.get_close_matches(name.casefold(), folded, n=1, cutoff=0.5)
    return f" Did you mean {folded[nearest[0]]!r}?" if nearest else ""


def shortened(text: str) -> str:
    """Give a text of one line that is cut in its middle where it is longer than `LONGEST_QUOTED` characters.

    The end of the name of a file says more than its middle.
    """
    line = " ".join(text.split()) if any(sign in text for sign in "\n\r\t") else text
    if len(line) <= LONGEST_QUOTED + KEPT_OF_LONG:
        return line
    return f"{line[:KEPT_OF_LONG]}…{line[-KEPT_OF_LONG:]} ({len(text):,} characters)"


def quoted(value: object) -> str:
    """Give a value as Python writes it, at most about `LONGEST_QUOTED` characters, without writing all of it first."""
    short = reprlib.Repr()
    short.maxstring = short.maxlong = short.maxother = LONGEST_QUOTED
    return short.repr(value)[: 2 * LONGEST_QUOTED]
