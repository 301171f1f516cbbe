"""Markup of web pages: tags, comments, scripts and styles go, and character references become their characters.

Only the elements of HTML count as tags, so that `<3`, `a < b` and `<EMAIL_ADDRESS>` stay.
"""

import re
from collections.abc import Iterator
from html.entities import html5

from metier.text.offsets import Edit

_BLOCKS = (
    "address|article|aside|blockquote|body|br|center|dd|details|dialog|div|dl|dt|fieldset|figcaption|figure|footer|form|h[1-6]|head|"
    "header|hr|html|legend|li|main|nav|ol|optgroup|option|p|pre|section|select|summary|table|tbody|template|tfoot|thead|title|tr|ul"
)
_CELLS = "td|th|img|input|button|iframe|video|audio|svg|object|embed|textarea"
_INLINE = (
    "a|abbr|acronym|b|base|bdi|bdo|big|caption|canvas|cite|code|col|colgroup|data|datalist|del|dfn|em|font|frame|frameset|i|ins|kbd|"
    "label|link|map|mark|meta|meter|noframes|noscript|o:p|output|param|picture|progress|q|rb|rp|rt|ruby|s|samp|script|slot|small|"
    "source|span|strike|strong|style|sub|sup|time|track|tt|u|var|wbr"
)
_pieces = re.compile(
    r"<!--|<(?P<hidden>script|style)(?=[\s>/])"
    rf"|</?(?P<name>{_BLOCKS}|{_CELLS}|{_INLINE})(?=[\s>/])(?:[^<>\"']|\"[^\"<]*\"|'[^'<]*')*>|<!doctype [^<>]*>"
    r"|&(?P<entity>#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});",
    re.IGNORECASE,
)
_is_block, _is_cell = re.compile(_BLOCKS).fullmatch, re.compile(_CELLS).fullmatch


def markup_edits(text: str) -> Iterator[Edit]:
    """Give the edits that take markup away; a block begins a line, and a cell or picture leaves a space."""
    if "<" not in text and "&" not in text:
        return
    place, unclosed = 0, set[str]()
    while found := _pieces.search(text, place):
        place = found.end()
        if (entity := found.group("entity")) is not None:
            sign = _character(entity)
            if sign is not None:
                yield Edit(*found.span(), sign)
        elif (name := found.group("name")) is not None:
            yield Edit(*found.span(), _left_by(name.lower()))
        else:
            end = _end_of_hidden(text, found, unclosed)
            if end is not None:
                yield Edit(found.start(), end, " ")
                place = end


def _left_by(name: str) -> str:
    return "\n" if _is_block(name) else " " if _is_cell(name) else ""


def _end_of_hidden(text: str, found: re.Match[str], unclosed: set[str]) -> int | None:
    """Give the end of a comment, a script or a style; None where it is not closed, which is looked for once."""
    hidden = found.group("hidden")
    if found.group().startswith("<!") and not found.group().startswith("<!--"):
        return found.end()
    closing = "-->" if hidden is None else f"</{hidden.lower()}"
    if closing in unclosed:
        return None
    closed = re.compile(re.escape(closing) + ("" if hidden is None else r"\s*>"), re.IGNORECASE).search(
        text, found.end()
    )
    if closed is None:
        unclosed.add(closing)
        return None
    return closed.end()


def _character(entity: str) -> str | None:
    if not entity.startswith("#"):
        return html5.get(f"{entity};")
    number = int(entity[2:], 16) if entity[1] in "xX" else int(entity[1:])
    if number == 0 or number > 0x10FFFF or 0xD800 <= number <= 0xDFFF:
        return None
    return chr(number)
