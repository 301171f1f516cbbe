"""Sentences of all packages in Chinese: errors, the help of the commands, what each method does.

They are English wherever they are written. Here their templates are recognised and said again: `zh/` has one file for
the sentences of a few rooms, each a table from an English template to a Chinese one. `{name}` is any text, and in
Chinese says how to treat it: `{name}` is translated if it is a sentence of ours itself, `{name:list}` has its commas
changed as well, `{name:names}` is a list of names, which stay, `{name:lines}` is a list of one fault a line,
`{name:word}` is one of the `words`; `{figure}` is a number alone; `(s|)` stands after a word for one or for many. A
message of several sentences is put together from the templates that explain most of it. What is of a library, of the
operating system or of the user's rows stays as it is.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import yaml

FOLDER = "zh"
LONGEST = 20_000  # Characters of a message that is looked up; longer ones quote what is not ours.
EITHER = "(s|)"  # After a word that may stand for one or for many.
MOST_TOGETHER = 8  # Sentences of one template.
_SLOT = re.compile(r"(?<!\{)\{(\w+)\}(?!\})")
_SENTENCE_END = re.compile(r"(?<=[.?!…]) (?=\S)")
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # Ten times as fast, where it was built.
_COUNT = re.compile(r" \((\d[\d,]*)\)(?=…?$)")  # Behind a name.
_FULL_WIDTH = "。，：；、（）？！"


@dataclass(frozen=True)
class _Template:
    """An English template, as a pattern, and its Chinese.

    Parameters
    ----------
    fixed : tuple of str
        What every text that fits has between its slots; looked for before the slower pattern is tried.
    """

    pattern: re.Pattern[str]
    fixed: tuple[str, ...]
    own: str

    @property
    def n_fixed(self) -> int:
        """The characters between its slots."""
        return sum(map(len, self.fixed))

    def say(self, text: str) -> str | None:
        """Give the Chinese of a text, or None where it does not fit."""
        if not all(piece in text for piece in self.fixed):
            return None
        found = self.pattern.fullmatch(text)
        return None if found is None else self.own.format(**{k: _Slot(v) for k, v in found.groupdict().items()})


@dataclass(frozen=True)
class _Slot:
    """What stands in a slot; the template says how to treat it."""

    text: str

    def __format__(self, how: str) -> str:
        if _is_quoted(self.text):
            return self.text
        if how == "list":
            return listed(self.text, in_chinese)
        if how == "names":
            return listed(self.text, str)
        if how == "lines":
            return "\n".join(_line(line) for line in self.text.split("\n"))
        if how == "word":
            return _tables().words.get(self.text, self.text)
        return in_chinese(self.text)


def listed(names: str, say: Callable[[str], str]) -> str:
    """Give a list with Chinese commas, and with Chinese brackets around its counts."""
    return "、".join(say(_COUNT.sub(r"（\1）", name)) for name in names.split(", "))


def _is_quoted(text: str) -> bool:
    """Whether a text is a value in quotes: it is of the user's rows, not of ours."""
    return len(text) > 1 and text[0] in "'\"" and text[-1] == text[0] and text[0] not in text[1:-1]


def in_chinese(message: str) -> str:
    """Give a text of one or more English sentences in Chinese.

    Parameters
    ----------
    message : str
        A whole message, or a part of one.

    Returns
    -------
    str
        The message in Chinese; sentences that are not known stay English.
    """
    text = message.strip()
    if not text or len(text) > LONGEST:
        return message
    # The faults of a list are sentences of their own, each on its line: the template around them is found first.
    if "\n" in text:
        found = _look_up(text)
        return found[1] if found else "\n".join(map(_line, text.split("\n")))
    sentences = _SENTENCE_END.split(text)
    said = [piece for _, piece in _best(sentences)]
    return message if said == sentences else _joined(said)


def _best(sentences: list[str]) -> list[tuple[int, str]]:
    """Cut a message into pieces of one or more sentences, so that as much of it as possible is fixed text of templates.

    Returns
    -------
    list of (int, str)
        The characters of fixed text, and the translation, of each piece; 0 and the sentence itself where none fits.
    """
    best: list[list[tuple[int, str]]] = [[]]
    for end in range(1, len(sentences) + 1):
        ways = [[*best[end - 1], (0, sentences[end - 1])]]
        for start in range(max(0, end - MOST_TOGETHER), end):
            if found := _look_up(" ".join(sentences[start:end])):
                ways.append([*best[start], found])
        best.append(max(ways, key=_explained))
    return best[-1]


def _explained(way: list[tuple[int, str]]) -> tuple[int, int, int]:
    """Give how much fixed text a way to cut a message has, then how few sentences it leaves, then how few pieces it is.

    What stands in a slot, which may be some sentences, is said again by itself.
    """
    return sum(fixed for fixed, _ in way), -sum(not fixed for fixed, _ in way), -len(way)


def _look_up(text: str) -> tuple[int, str] | None:
    """Give the sentence, or the first template that fits: how much fixed text it has, and what it says."""
    tables = _tables()
    if text in tables.sentences:
        return len(text), tables.sentences[text]
    for template in tables.templates:
        said = template.say(text)
        if said is not None:
            return template.n_fixed, said
    return None


def _joined(sentences: list[str]) -> str:
    """Put sentences after one another; a space is only after what stayed English."""
    text = ""
    for sentence in sentences:
        gap = " " if text and text[-1] not in _FULL_WIDTH else ""
        text += gap + sentence
    return text


def _line(line: str) -> str:
    mark = re.match(r" *(?:- )?", line)
    head = mark.group() if mark else ""
    return head + in_chinese(line[len(head) :])


@dataclass(frozen=True)
class _Tables:
    """What is known: whole sentences, templates with slots (those with more fixed text first), and words."""

    sentences: dict[str, str]
    templates: list[_Template]
    words: dict[str, str]


@cache
def _tables() -> _Tables:
    told: dict[str, str] = {}
    words: dict[str, str] = {}
    for file in sorted(files("metier.report").joinpath(FOLDER).iterdir(), key=lambda one: one.name):
        if file.name.endswith(".yaml"):
            table = yaml.load(file.read_text(encoding="utf-8"), _LOADER)  # noqa: S506  # Both loaders are safe.
            told |= table.get("told") or {}
            words |= table.get("words") or {}
    whole = {
        _unescaped(english).strip(): _unescaped(own)
        for english, own in told.items()
        if not _SLOT.search(english)
    }
    told |= dict(filter(None, map(_first_sentence, told.items())))
    ranked = sorted((one for one in told if _SLOT.search(one)), key=lambda one: -len(_SLOT.sub("", one)))
    return _Tables(whole, [_template(english.strip(), told[english]) for english in ranked], words)


def _first_sentence(pair: tuple[str, str]) -> tuple[str, str] | None:
    """Give a template without a slot behind its last sentence: what stands there may be sentences of their own."""
    english, own = pair
    found = re.fullmatch(r"(.*[.?!:]) (\{\w+\})", english)
    return (found[1], own.removesuffix(found[2])) if found and own.endswith(found[2]) else None


def _template(english: str, own: str) -> _Template:
    parts = [_unescaped(part) for part in _SLOT.sub("\0", english).split("\0")]
    names = _SLOT.findall(english)
    slots = [_slot(name, after=part[-1:]) for name, part in zip(names, parts, strict=False)]
    whole = "".join(_plain(part) + slot for part, slot in zip(parts, [*slots, ""], strict=True))
    fixed = (piece for part in parts for piece in part.split(EITHER))
    return _Template(re.compile(whole, re.S), tuple(filter(None, fixed)), own)


def _plain(part: str) -> str:
    """Give the pattern of what stands between slots, words of one and of many."""
    return "(?:s|)".join(re.escape(piece) for piece in part.split(EITHER))


def _unescaped(text: str) -> str:
    return text.replace("{{", "{").replace("}}", "}")


def _slot(name: str, *, after: str) -> str:
    """Give the pattern of a slot: what comes right after a word or a sentence is a hint, which may be missing."""
    if name == "figure":  # A count with its noun is short enough to fit the end of any sentence.
        return r"(?P<figure>\d[\d,]*)"
    return f"(?P<{name}>(?:[ ,;:([].*?)?)" if after.isalnum() or after in (".", ")") else f"(?P<{name}>.*?)"
