"""The type of answer that a question asks for: a person, time, place, number, reason, way or thing."""

import re

from metier.text.segmentation import segment

TYPES = ("person", "time", "place", "number", "reason", "way", "thing")
# The first match decides, so specific patterns come first: "哪一年" asks for a time, "哪" alone for a thing.
_PATTERNS = (
    ("reason", r"\bwhy\b|what (?:caused|reason)|for what reason|为什么|为何|什么原因|原因是|何以|为啥"),
    (
        "time",
        r"\bwhen\b|(?:what|which) (?:year|date|day|month|century|decade|time|season|era)|how long ago"
        r"|何时|几时|什么时候|什么时间|哪.?年|哪.?[天日月]|几[年月日号]|何年|时候|哪个世纪|哪个时期|什么年代|年份",
    ),
    (
        "number",
        r"how (?:many|much|old|long|far|tall|large|big|high|deep|wide|often|fast)|what (?:percent\w*|number|portion"
        r"|fraction|score|amount)|多少|几[个人位种次部名条座岁级所家件场集米名只艘张股成]|第几|多[大长高远久重宽深快]|共有几"
        r"|百分之几|几何",
    ),
    (
        "place",
        r"\bwhere\b|(?:what|which) (?:city|country|place|state|town|region|river|continent|nation|location|county"
        r"|venue|stadium|province|island)|哪里|哪儿|何处|何地|什么地方|哪个(?:国家|城市|省|市|县|地|洲|岛)|哪国|在哪|位于",
    ),
    ("person", r"\bwho(?:m|se)?\b|谁|哪位|何人|什么人|哪些人|哪个人|叫什么名字"),
    ("way", r"\bhow\b|如何|怎么|怎样|怎么样"),
)
_types = [(TYPES.index(name), re.compile(pattern, re.IGNORECASE).search) for name, pattern in _PATTERNS]
_asks = re.compile(
    r"\b(?:what|which|how many|how much)\s+(?:\w+\s+of\s+)?(\w+)|(?:多少|哪个|哪些|哪种|哪一|什么|几)(\w{1,4})",
    re.IGNORECASE,
).search


def question_type(question: str) -> int:
    """Give the type of a question as a position in `TYPES`; "thing" where no pattern matches."""
    for number, found in _types:
        if found(question):
            return number
    return TYPES.index("thing")


def asked_noun(question: str) -> str:
    """Give the noun that is asked for: "points" of "how many points", "国家" of "哪个国家"; else ""."""
    found = _asks(question)
    words = segment(found[1] or found[2] or "") if found else []
    return words[0] if words else ""
