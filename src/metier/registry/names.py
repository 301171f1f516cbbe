"""The names of models and aliases: what is a folder of every file system and leads nowhere else."""

import re

from metier.errors import WrongTypeError

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")


def check_name(name: str, what: str) -> None:
    """Raise `WrongTypeError` for a name that would be no folder everywhere, or lead out of the registry."""
    if not NAME.fullmatch(name):
        raise WrongTypeError(
            f"The {what} is {name!r}; expected at most 64 letters, digits, '_' and '-', the first a letter or a digit. "
            "Choose another."
        )
