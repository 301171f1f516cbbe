"""Terms that a text should not have: English ones as whole words, Chinese ones where the segmentation begins and ends.

Plain string matching finds "ass" in "class"; whole words do not. What is left are terms that have a decent sense too
("breasts", 情色), so a list finds words and no harm: false alarms are measured in docs/fairness.md, and words of a trade
are taken out of the list. A text without a listed word may still do harm, which a classifier may see.
"""

import functools
import re
import unicodedata
from collections.abc import Iterable, Sequence
from importlib.resources import files
from pathlib import Path

from metier.errors import CallError
from metier.given_files import FileFaultError, given_text
from metier.text.offsets import Offsets
from metier.text.segmentation import has_han, word_offsets

LANGUAGES = ("en", "zh")


class Blocklist:
    """Terms to find in texts, whatever their case and width.

    Parameters
    ----------
    terms : iterable of str
    """

    def __init__(self, terms: Iterable[str]):
        known = {_folded(term.strip()) for term in terms} - {""}
        ordered = sorted(known, key=lambda term: (-len(term), term))
        self.terms = tuple(ordered)
        self._whole = _alternatives([rf"(?<!\w){_spaced(term)}(?!\w)" for term in ordered if not has_han(term)])
        self._han = _alternatives([re.escape(term) for term in ordered if has_han(term)])

    def find(self, text: str) -> list[Offsets]:
        """Give where terms stand in a text, in characters, in order."""
        folded = _folded(text)
        if len(folded) != len(text):  # A sign that folds into several: offsets would be those of another text.
            folded = text.lower()
        found = [] if self._whole is None else [match.span() for match in self._whole.finditer(folded)]
        if self._han is not None and has_han(folded):
            matches = [match.span() for match in self._han.finditer(folded)]
            if matches:
                pairs = word_offsets(folded)
                starts, ends = {start for start, _ in pairs}, {end for _, end in pairs}
                found += [(start, end) for start, end in matches if start in starts and end in ends]
        return sorted(found)


def read_blocklist(paths: Sequence[str | Path] = ()) -> Blocklist:
    """Read lists of one term a line, `#` before comments; none: our own, of English and Chinese.

    Raises
    ------
    CallError
        If a file cannot be read, or has no term.
    """
    if not paths:
        return _own()
    terms = [term for path in paths for term in _terms(Path(path))]
    return Blocklist(terms)


@functools.cache
def _own() -> Blocklist:
    folder = files("metier.text.harmful") / "lists"
    return Blocklist(
        term for name in LANGUAGES for term in _lines((folder / f"{name}.txt").read_text(encoding="utf-8"))
    )


def _terms(path: Path) -> list[str]:
    try:
        found = _lines(given_text(path))
    except FileNotFoundError:
        raise CallError(
            f"There is no list of words {path}. Give a text file of UTF-8 with one term a line."
        ) from None
    except FileFaultError as error:
        raise CallError(
            f"The list of words {path} cannot be read ({error}). Give a text file of UTF-8 with one term a line."
        ) from None
    if not found:
        raise CallError(f"The list of words {path} has no term. Write one a line.")
    return found


def _lines(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines() if line.strip() and not line.startswith("#")]


def _folded(text: str) -> str:
    return unicodedata.normalize("NFKC", text).lower()


def _spaced(term: str) -> str:
    return r"[\s_-]+".join(map(re.escape, term.split()))


def _alternatives(patterns: Sequence[str]) -> re.Pattern[str] | None:
    return re.compile("|".join(patterns)) if patterns else None
