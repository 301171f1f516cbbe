"""Names of a text by how they are written: a light finder without a model, for English and Chinese.

English: words with a capital where none is due, acronyms, and at the beginning of a sentence words that the lists of
names know. A text without capitals has none but those of the lists. Chinese: names of people as personal data is found,
and segmented words that end as places and organisations do. A tagger that learned names finds more of them, and what it
finds can be given in the place of these.
"""

import re
from collections.abc import Iterator

from metier.text.personal_data.name_lists import first_names, last_names
from metier.text.personal_data.name_zh import find_name_zh
from metier.text.segmentation import has_han, sentence_offsets, word_offsets

_capitalised = re.compile(r"[A-Z][\w'’&-]*(?:\.[A-Z]\.?)*")


def _words(listed: str) -> frozenset[str]:
    return frozenset(listed.split())


_parts = re.compile(r"[^\W\d_]+|\d+")
# Between the words of a name: "Bank of England", "Ludwig van Beethoven".
_INSIDE = _words("of de la le du van von der den di da al el bin and & the")
# With a capital for another reason than a name.
_NO_NAMES = _words(
    "i i'm i'll i've i'd ok okay tv pm am mr mrs ms dr hi hello hey yes no thanks thank sure great please sorry well oh "
    "monday tuesday wednesday thursday friday saturday sunday january february march april may june july august "
    "september october november december english chinese french german spanish italian american british european"
)
_ENDS_ZH = (
    *(
        "公司",
        "集团",
        "银行",
        "大学",
        "学院",
        "中学",
        "医院",
        "研究所",
        "委员会",
        "协会",
        "出版社",
        "大厦",
        "机场",
    ),
    *("省", "市", "县", "州", "岛", "河", "湖", "寺"),
)
SHORTEST_ZH = 3  # Characters: 城市 and 超市 are no names.
_COMMON_ZH = _words(
    "大城市 小城市 超级市 各省市 外省市 本公司 该公司 分公司 子公司 母公司 总公司 上市公司 大公司 小公司"
)


def names_of(text: str) -> list[tuple[int, int]]:
    """Give start and end of each name, in characters, in their order."""
    found = list(_capitalised_names(text))
    if has_han(text):
        found += _chinese_names(text)
    return _apart(sorted(found))


def _capitalised_names(text: str) -> Iterator[tuple[int, int]]:
    if text.upper() == text:  # Shouting has no names.
        return
    beginnings = {start for start, _ in sentence_offsets(text)}
    start = end = -1
    for word in _capitalised.finditer(text):
        if start >= 0 and _is_joined(text[end : word.start()]):
            end = word.end()
            continue
        if start >= 0:
            yield from _kept(text, start, end, beginnings)
        start, end = word.span()
    if start >= 0:
        yield from _kept(text, start, end, beginnings)


def _is_joined(between: str) -> bool:
    words = between.split()
    return between.startswith(" ") and len(words) <= 2 and all(word in _INSIDE for word in words)


def _kept(text: str, start: int, end: int, beginnings: set[int]) -> Iterator[tuple[int, int]]:
    """Give a run of words with capitals as a name, without the word whose capital a sentence is due."""
    words = text[start:end].split()
    first = _bare(words[0])
    opens = start in beginnings or text[max(start - 2, 0) : start].strip()[-1:] in (
        "“",
        '"',
        "‘",
        "(",
        ":",
        "-",
        "*",
        "•",
    )
    if first.lower() in _NO_NAMES or (opens and not _is_name(first, follows=len(words) > 1)):
        start += len(words[0]) + 1
        words = words[1:]
    while words and words[0] in _INSIDE:
        start += len(words[0]) + 1
        words = words[1:]
    if words and any(_bare(word).lower() not in _NO_NAMES | _INSIDE for word in words):
        bare = text[start:end].rstrip("'’-.&")
        yield start, start + len(re.sub(r"['’]s$", "", bare))


def _is_name(word: str, *, follows: bool) -> bool:
    """Whether the first word of a sentence is a name: it has more capitals, or a list has it."""
    if sum(sign.isupper() for sign in word) > 1:
        return True
    return word in first_names() or (follows and word in last_names())


def _bare(word: str) -> str:
    return re.sub(r"['’]s?$", "", word.strip("'’-.&"))


def _chinese_names(text: str) -> Iterator[tuple[int, int]]:
    yield from ((name.start, name.end) for name in find_name_zh(text))
    for start, end in word_offsets(text):
        word = text[start:end]
        if len(word) >= SHORTEST_ZH and word.endswith(_ENDS_ZH) and word not in _COMMON_ZH:
            yield start, end


def _apart(found: list[tuple[int, int]]) -> list[tuple[int, int]]:
    kept: list[tuple[int, int]] = []
    for start, end in found:
        if not kept or start >= kept[-1][1]:
            kept.append((start, end))
    return kept


def name_words(text: str) -> list[str]:
    """Give the words of a name in lower case, without signs and the words between: `bank`, `england`."""
    return [word for word in _parts.findall(text.lower()) if word not in _INSIDE and word != "s"]


def is_stated(name: str, source: str, source_words: frozenset[str]) -> bool:
    """Whether a source says a name: all its words, or the words whose first letters it is.

    Parameters
    ----------
    source : str
        In lower case.
    source_words : frozenset of str
        The words of the source, as `name_words` gives them.
    """
    lowered = name.lower()
    if lowered in source:
        return True
    if has_han(name):
        return False
    return all(_is_known(word, source, source_words) for word in name.split() if word not in _INSIDE)


def _is_known(word: str, source: str, source_words: frozenset[str]) -> bool:
    if all(part in source_words or _without_plural(part) in source_words for part in name_words(word)):
        return True
    letters = re.sub(r"[^a-z]", "", word.lower())
    is_acronym = len(letters) in range(2, 7) and sum(sign.isupper() for sign in word) > 1
    return is_acronym and re.search(_initials(letters), source) is not None


def _without_plural(word: str) -> str:
    return word[:-1] if word.endswith("s") else f"{word}s"


def _initials(letters: str) -> str:
    between = rf"[a-z'’-]*[\s-]+(?:(?:{'|'.join(_INSIDE)})\s+)?"
    return r"\b" + between.join(letters)
