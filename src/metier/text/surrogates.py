"""Lone UTF-16 surrogates: JSON may contain them (`"\\ud83d"`), but UTF-8 cannot encode them."""

import re

_lone_surrogates = re.compile("[\ud800-\udfff]").sub


def replace_surrogates(text: str) -> str:
    """Replace lone surrogates by U+FFFD, the replacement character.

    Tokenizers and files cannot handle surrogates, and a service must answer any input.
    """
    return text if text.isascii() else _lone_surrogates("\ufffd", text)
