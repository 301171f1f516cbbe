"""Secrets of settings: named there by an environment variable or a file, read when they are used, and never printed."""

import os
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, SecretStr

from metier.errors import SettingsError

_NAMED = re.compile(r"\$\{(?:file:(?P<file>[^}]+)|(?P<variable>[A-Za-z_][A-Za-z0-9_]*))\}")
SHORTEST = 4  # Characters of a secret that is taken out of messages; shorter ones stand in many words.
HIDDEN = "•••"
ORIGIN = "The receivers of alerts"


def _well_named(secret: SecretStr) -> SecretStr:
    text = secret.get_secret_value()
    if not text.strip():
        raise ValueError("it is empty; expected a value, ${NAME} or ${file:PATH}")
    if "${" in _NAMED.sub("", text):
        raise ValueError("what stands in ${…} is neither the name of an environment variable nor file:PATH")
    return secret


# A value, or text with `${NAME}` and `${file:PATH}` in it.
SecretText = Annotated[SecretStr, AfterValidator(_well_named)]


def revealed(secret: SecretStr) -> str:
    """Give a secret with each `${NAME}` of the environment and each `${file:PATH}` in it filled in.

    Raises
    ------
    SettingsError
        If there is no such variable or file.
    """
    return _NAMED.sub(_value, secret.get_secret_value())


def _value(found: re.Match[str]) -> str:
    if found["variable"]:
        value = os.environ.get(found["variable"])
        if value is None:
            fault = f"the environment variable {found['variable']} is not set; set it before the watch begins"
            raise SettingsError([fault], origin=ORIGIN)
        return value
    try:
        return Path(found["file"]).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        fault = f"the file {found['file']} of a secret cannot be read; see that it is there and readable"
        raise SettingsError([fault], origin=ORIGIN) from None


def without_secrets(text: str, secrets: Iterable[str]) -> str:
    """Give a text, such as the error of a library, in which secrets are hidden."""
    for secret in sorted(secrets, key=len, reverse=True):
        if len(secret) >= SHORTEST:
            text = text.replace(secret, HIDDEN)
    return text
