"""Text of others, as a terminal or a log may show it.

A label, a text or the name of a file can hold escape sequences, which move the cursor, set the title of the window or
type into it, and signs that turn the order of what follows. They are shown by their numbers instead: `\\x1b`, `\\u202e`.
Line ends and tabs stay, and so does every letter of every script.
"""

import json
import re
from typing import Any

# Control characters of ASCII and of Latin-1 but tab and line feed; line and paragraph separators; what embeds,
# overrides or isolates a direction of writing. The marks and joiners that Arabic or emoji need are not among them.
_UNSAFE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")


def printable(text: str) -> str:
    """Give a text with every sign that would act on a terminal shown by its number."""
    return _UNSAFE.sub(_number, text)


def printable_json(facts: Any, *, indent: int | None = None) -> str:
    """Give facts as JSON, the same to whoever reads it, with these signs escaped as JSON does it."""
    text = json.dumps(facts, ensure_ascii=False, indent=indent)
    return _UNSAFE.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def _number(found: re.Match[str]) -> str:
    number = ord(found[0])
    return f"\\x{number:02x}" if number < 0x100 else f"\\u{number:04x}"
