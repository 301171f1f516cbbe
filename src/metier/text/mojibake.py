"""Texts that were decoded by the wrong encoding, and what they said: `cafÃ©` is `café`, `浣犲ソ` is `你好`.

Three mistakes are undone, each where the bytes prove it: UTF-8 read as Windows-1252 or Latin-1, UTF-8 read as GBK,
and GBK read as Latin-1. What a wrong encoding has lost (�, 锟斤拷) is found, and cannot be brought back.
"""

import re
from collections.abc import Iterator

from metier.text.offsets import Edit

# Continuation bytes of UTF-8, 0x80 to 0xbf, as Windows-1252 shows them.
_TRAIL = "\x80-\xbf€‚ƒ„…†‡ˆ‰Š‹ŒŽ‘’“”•–—˜™š›œžŸ"
# Two bytes of which the first is Â or Ã (all of Latin-1), several of another alphabet, or three and four bytes.
_western = re.compile(
    f"(?:[ÂÃ][{_TRAIL}])+|(?:[Ä-ß][{_TRAIL}]){{3,}}|(?:[à-ï][{_TRAIL}]{{2}})+|(?:[ð-ô][{_TRAIL}]{{3}})+"
).finditer
_han_runs = re.compile("[\u2e80-\u9fff\ue000-\uf8ff€]{3,}").finditer
_latin_runs = re.compile("[\xa1-\xff]{4,}").finditer
_lost = re.compile("\ufffd+|(?:锟斤拷)+|烫烫烫+|屯屯屯+").finditer
_han_only = re.compile("[\u3001-\u301f\u3400-\u9fff\uff01-\uff5e]+").fullmatch
FEWEST_OF_LETTERS = 4


def mojibake_edits(text: str) -> Iterator[Edit]:
    """Give the edits that write what a text said before it was decoded by the wrong encoding."""
    if text.isascii():
        return
    done = 0
    for start, end, said in sorted(_found(text)):
        if start >= done:
            yield Edit(start, end, said)
            done = end


def _found(text: str) -> Iterator[tuple[int, int, str]]:
    for found in _western(text):
        said = _decoded(_western_bytes(found.group()), "utf-8")
        if said is not None:
            yield *found.span(), said
    for pattern, was, read_as in ((_han_runs, "utf-8", "gbk"), (_latin_runs, "gb2312", "latin-1")):
        for found in pattern(text):
            said = _decoded(_encoded(found.group(), read_as), was)
            if read_as == "latin-1" and found.group().isalpha() and len(said or "") < FEWEST_OF_LETTERS:
                continue  # Letters with accents may be a word in capitals.
            if said is not None and len(said) > 1 and _han_only(said):
                yield *found.span(), said


def _western_bytes(piece: str) -> bytes | None:
    """Give the bytes of a piece, those that Windows-1252 leaves undefined by their number."""
    parts = [bytes([ord(sign)]) if ord(sign) < 0x100 else _encoded(sign, "cp1252") for sign in piece]
    return None if None in parts else b"".join(part for part in parts if part is not None)


def _encoded(piece: str, encoding: str) -> bytes | None:
    try:
        return piece.encode(encoding)
    except UnicodeEncodeError:
        return None


def _decoded(raw: bytes | None, encoding: str) -> str | None:
    try:
        return None if raw is None else raw.decode(encoding)
    except UnicodeDecodeError:
        return None


def lost_signs(text: str) -> list[str]:
    """Give the pieces of a text that a wrong encoding has put in the place of what stood there."""
    return [] if text.isascii() else [found.group() for found in _lost(text)]
