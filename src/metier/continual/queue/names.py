"""Names of labellers and of labels, as a queue takes them: of one line, and not longer than a database has room for."""

from metier.errors import CallError
from metier.printable import printable

LONGEST_LABELLER = 100
LONGEST_LABEL = 200


def checked_labeller(name: str) -> str:
    """Give the name of a labeller without spaces around it; raises CallError where it is none."""
    found = name.strip()
    if not found:
        raise CallError("A label needs the name of its labeller; found none. Give one with --labeller.")
    if not is_one_line(found) or len(found) > LONGEST_LABELLER:
        raise CallError(
            f"The name of a labeller is one line of at most {LONGEST_LABELLER} characters; found {_shown(found)} with "
            f"{len(found)}. Give a shorter one, without control characters."
        )
    return found


def checked_label(name: str) -> str:
    """Give the name of a label without spaces around it; raises CallError where it is none."""
    found = name.strip()
    if not found or not is_one_line(found) or len(found) > LONGEST_LABEL:
        raise CallError(
            f"The name of a label is one line of 1 to {LONGEST_LABEL} characters; found {_shown(found)} with "
            f"{len(found)}. Give a shorter one, without control characters."
        )
    return found


def is_one_line(text: str) -> bool:
    """Whether a text has neither control characters nor ends of lines; joiners of emoji and of Persian are none."""
    return printable(text) == text and not set(text) & {"\n", "\t"}


def _shown(name: str) -> str:
    return repr(name if len(name) <= 40 else name[:39] + "…")
