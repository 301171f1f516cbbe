"""Halves of UTF-16 pairs that stand alone: JSON may bring them (`"\\ud83d"`), and no UTF-8 can hold them."""

import re

_lone_surrogates = re.compile("[\ud800-\udfff]").sub


def replace_surrogates(text: str) -> str:
    """Give the text with each lone surrogate replaced by U+FFFD, the sign for what is no character.

    Tokenizers, dictionaries and files take no others, and a service must answer whatever it is sent.
    """
    return text if text.isascii() else _lone_surrogates("\ufffd", text)
