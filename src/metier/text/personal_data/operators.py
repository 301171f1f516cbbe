"""What is written in place of personal data: its kind, asterisks, a keyed hash, or nothing."""

import hashlib
import hmac
from collections.abc import Callable

from metier.errors import CallError, UnknownNameError
from metier.text.personal_data.found import PersonalData

Operator = Callable[[PersonalData], str]
OPERATORS = ("replace", "mask", "hash", "redact")
HASH_BYTES = 8  # 64 bits: two of a million values are alike once in 37 million keys.
SHORTEST_KEY = 16
_SIGN = "*"


def build_operator(name: str, *, key: bytes | None = None) -> Operator:
    """Give what turns a piece of personal data into what is written in its place.

    Parameters
    ----------
    name : {"replace", "mask", "hash", "redact"}
        `replace` writes `<EMAIL_ADDRESS>`; `mask` an asterisk for each character, so that offsets stay; `hash`
        `<EMAIL_ADDRESS:0f3a…>`, the same for the same value under one key (HMAC with SHA-256, RFC 2104); `redact` nothing.
    key : bytes, optional
        Of `hash`, at least 16: without it whoever knows the values that may be could try them all.

    Raises
    ------
    UnknownNameError
        If there is no such operator.
    CallError
        If the key is missing or short.
    """
    if name not in OPERATORS:
        raise UnknownNameError("operator for personal data", name, known=OPERATORS)
    if name == "hash":
        return _keyed(key)
    return {"replace": _replace, "mask": _mask, "redact": _redact}[name]


def _replace(found: PersonalData) -> str:
    return f"<{found.entity}>"


def _mask(found: PersonalData) -> str:
    return _SIGN * (found.end - found.start)


def _redact(found: PersonalData) -> str:
    return ""


def _keyed(key: bytes | None) -> Operator:
    if key is None or len(key) < SHORTEST_KEY:
        given = "no key" if key is None else f"a key of {len(key)} bytes"
        raise CallError(
            f"Hashing personal data needs a secret key of {SHORTEST_KEY} bytes or more, and found {given}. "
            "Anybody could try all telephone numbers otherwise."
        )

    def hashed(found: PersonalData) -> str:
        value = "".join(found.text.split()).casefold().encode("utf-8", "surrogatepass")
        return f"<{found.entity}:{hmac.new(key, value, hashlib.sha256).hexdigest()[: 2 * HASH_BYTES]}>"

    return hashed
