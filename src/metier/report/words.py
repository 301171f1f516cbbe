"""The words of the report in its languages.

English is the key, as in gettext: what a section says stands there in English, and `zh.yaml` has the same sentences in
Chinese, placeholders included. Sentences that other packages wrote into `report.json` (findings of the check, notes, why
a candidate was dropped) are English there and are recognised by their templates; one that no template fits stays as it
is. Names, labels and texts are never translated.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

import yaml

from metier.report.sentences import in_chinese, listed

LANGUAGES = ("en", "zh")
# Placeholders for names: a column that is called `label` stays so.
NAMES = {"role", "column", "columns", "label", "labels", "name", "names", "origin", "file", "folder"}
_PLACEHOLDER = re.compile(r"\{(\w+)\}")


@dataclass(frozen=True)
class _Part:
    """What stands in a placeholder; `{names:list}` has Chinese commas."""

    text: str
    say: Callable[[str], str]

    def __format__(self, how: str) -> str:
        return listed(self.text, self.say) if how == "list" else self.say(self.text)


@dataclass(frozen=True)
class Words:
    """What the report says, in one language.

    Parameters
    ----------
    language : {"en", "zh"}
    packages : tuple of str
        Whose tables of words are looked up; the first that has a text counts.
    """

    language: str = "en"
    packages: tuple[str, ...] = ("metier.report",)

    def __call__(self, english: str, /, **values: Any) -> str:
        """Give a text in the language, its placeholders filled."""
        return _agreeing(self._table["page"].get(english, english), values).format(**values)

    def joined(self, sentences: Iterable[str]) -> str:
        """Give sentences after one another; in Chinese no space is between them."""
        return ("" if self.language == "zh" else " ").join(sentences)

    def listed(self, names: Iterable[Any]) -> str:
        """Give names one after another."""
        return ("、" if self.language == "zh" else ", ").join(map(str, names))

    def command(self, command: str) -> str:
        """Give a command to be typed next, which shall answer in this language; English goes without saying."""
        return command if self.language == "en" else f"{command} --lang {self.language}"

    def told(self, sentence: str | None) -> str:
        """Give a sentence that was written in English elsewhere; as it is where no template fits."""
        if not sentence or self.language == "en":
            return sentence or ""
        for english, template, own in _patterns(self.language, self.packages):
            found = english.fullmatch(sentence)
            if found is not None:
                slots = found.groupdict().items()
                parts = {name: _Part(part, str if name in NAMES else self._part) for name, part in slots}
                return own.format(**parts) if template else own
        return in_chinese(sentence)

    def translated(self, text: str) -> str:
        """Give a whole message, such as an error; one of the sentences of `told` where no template of it fits."""
        said = text if self.language == "en" else in_chinese(text)
        return self.told(text) if said == text else said

    @property
    def _table(self) -> Mapping[str, Mapping[str, str]]:
        return _table(self.language, self.packages)

    def _part(self, text: str) -> str:
        """A part may be a word of ours, or a sentence again: the reason in a note."""
        return self._table["parts"].get(text) or self.translated(text)


ENGLISH = Words()


def _agreeing(text: str, values: Mapping[str, Any]) -> str:
    """Let nouns agree with the count before them: `{rows} row(s|)` is `1 row` or `2 rows`."""
    first, *rest = text.split("(s|)")
    for piece in rest:
        counts = [str(values[name]) for name in _PLACEHOLDER.findall(first)]
        last = next((value for value in reversed(counts) if value.replace(",", "").isdigit()), "")
        first += ("" if last == "1" else "s") + piece
    return first


def cut(text: str, longest: int, say: Words) -> str:
    """Cut a text that would bury its neighbours, and say how long it was."""
    if len(text) <= longest:
        return text
    return f"{text[:longest].rstrip()} … {say('({n} characters)', n=f'{len(text):,}')}"


@cache
def _table(language: str, packages: tuple[str, ...]) -> Mapping[str, Mapping[str, str]]:
    table: dict[str, dict[str, str]] = {"page": {}, "told": {}, "parts": {}}
    for package in reversed(packages if language != "en" else ()):
        text = files(package).joinpath(f"{language}.yaml").read_text(encoding="utf-8")
        for part, texts in yaml.safe_load(text).items():
            table[part] |= texts or {}
    return table


@cache
def _patterns(language: str, packages: tuple[str, ...]) -> list[tuple[re.Pattern[str], bool, str]]:
    """Give the templates of foreign sentences, those with more fixed text first."""
    told = _table(language, packages)["told"]
    ranked = sorted(told, key=lambda english: -len(_PLACEHOLDER.sub("", english)))
    return [(_pattern(english), "{" in english, told[english]) for english in ranked]


def _pattern(english: str) -> re.Pattern[str]:
    """Make a pattern of a template: `{n}` is any text, `(s|)` a choice of endings."""
    parts = [part for part in re.split(r"(\{\w+\}|\([^()]*\|[^()]*\))", english) if part]
    return re.compile("".join(map(_as_pattern, parts, ["", *parts])), re.S)


def _as_pattern(part: str, before: str) -> str:
    if (
        part == "{n}"
    ):  # A count or a figure, which holds no space: `{n} row(s|)` is no sentence that ends in rows.
        return r"(?P<n>\S*\d\S*(?: %)?)"
    if _PLACEHOLDER.fullmatch(part):
        # One right after another is a further clause, which begins with a sign.
        return f"(?P<{part[1:-1]}>{'[,;: (]' if _PLACEHOLDER.fullmatch(before) else ''}.+?)"
    if part.startswith("(") and "|" in part:
        return f"(?:{'|'.join(map(re.escape, part[1:-1].split('|')))})"
    return re.escape(part)
