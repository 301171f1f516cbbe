"""Lines that say nothing of a row: footers of mail programs, and lines that many rows have beside texts of their own."""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator

from metier.text.normalisation import normalise
from metier.text.offsets import Edit

LEAST_ROWS, LEAST_FRACTION = 20, 0.01  # Rows in which a line stands before it is boilerplate.
LEAST_CHARACTERS = 15
MOST_ROWS = 20_000  # The first ones; the others are cleaned of what these showed.
FIRST_LINES, LAST_LINES = 3, 5  # Of a text, where headers and footers stand.
_known = re.compile(
    r"(?:sent|get outlook|sent via|gesendet) (?:from|for|by) (?:my )?(?:iphone|ipad|android|samsung|"
    r"huawei|mobile|blackberry|windows|outlook|mail|"
    r"ios|galaxy|yahoo)\b.{0,80}|get outlook for \w+.{0,60}|-{2,}\s?(?:original message|forwarded "
    r"message)\s?-{2,}|(?:发自|来自)我的\s?\w{1,20}.{0,20}|"
    r"获取\s?outlook.{0,30}|-{2,}\s?原始邮件\s?-{2,}|this (?:e-?mail|message)(?: and any attachments?)? "
    r"(?:is|are|may be|may contain) (?:confidential|"
    r"intended|privileged).{0,400}|to unsubscribe.{0,200}|view (?:this|it) (?:e-?mail|message) in "
    r"(?:your|a) browser.{0,60}|本邮件及其附件.{0,300}",
    re.IGNORECASE,
).fullmatch


class LineCounts:
    """Counts in how many different rows each first or last line stands, to tell the lines that say nothing."""

    def __init__(self) -> None:
        self._rests: dict[str, set[int]] = defaultdict(set)
        self._rows = 0

    @property
    def is_full(self) -> bool:
        """Whether enough rows were counted."""
        return self._rows >= MOST_ROWS

    def add(self, texts: Iterable[str]) -> None:
        """Count the lines of some rows; the same text twice is one row, and a text of one line has no line to spare."""
        for text in texts:
            if self.is_full:
                return
            self._rows += 1
            lines = [normalise(line) for line in text.splitlines() if line.strip()]
            if len(lines) < 2:
                continue
            for line in {*lines[:FIRST_LINES], *lines[-LAST_LINES:]}:
                if len(line) >= LEAST_CHARACTERS:
                    self._rests[line].add(hash(tuple(other for other in lines if other != line)))

    def repeated(self) -> frozenset[str]:
        """The lines that stand in many rows, normalised."""
        least = max(LEAST_ROWS, LEAST_FRACTION * self._rows)
        return frozenset(line for line, rests in self._rests.items() if len(rests) >= least)


def boilerplate_edits(text: str, repeated: frozenset[str]) -> Iterator[Edit]:
    """Give the edits that take away known footers, and the lines that many rows have, where other lines stay."""
    lines, start = [], 0
    for line in text.splitlines(keepends=True):
        lines.append((start, start + len(line), line))
        start += len(line)
    filled = [place for place, (_, _, line) in enumerate(lines) if line.strip()]
    near = {*filled[:FIRST_LINES], *filled[-LAST_LINES:]}
    idle = [
        place
        for place in filled
        if _known(lines[place][2].strip()) or (place in near and normalise(lines[place][2]) in repeated)
    ]
    if len(idle) < len(filled):
        for place in idle:
            yield Edit(lines[place][0], lines[place][1], "")
