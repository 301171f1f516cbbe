"""The help of a command in the language that was asked for: click's formatter, translated where it writes."""

import re
import unicodedata
from collections.abc import Iterable

import click

from metier.cli.speech import spoken

GAP = 2  # Columns between an option and its help.
_EXTRA = re.compile(r"(?P<help>.*?)(?:\s*\[(?P<extra>[^\[\]]*)\])?", re.S)


class HelpFormatter(click.HelpFormatter):
    """Writes help as click does; in Chinese by sentences of ours, cut by the width of the signs."""

    def write_usage(self, prog: str, args: str = "", prefix: str | None = None) -> None:
        """Write the first line."""
        super().write_usage(prog, args, prefix if _is_english() else f"{_said('Usage')}：")

    def write_heading(self, heading: str) -> None:
        """Write the name of a section."""
        if _is_english():
            super().write_heading(heading)
        else:
            self.write(f"{'':>{self.current_indent}}{_said(heading)}：\n")

    def write_text(self, text: str) -> None:
        """Write paragraphs; the lines of one that begins with a backspace stay lines."""
        if _is_english():
            super().write_text(text)
            return
        indent = " " * self.current_indent
        paragraphs = [_paragraph(one, self.width - self.current_indent) for one in text.split("\n\n")]
        self.write("\n\n".join("\n".join(indent + line for line in lines) for lines in paragraphs) + "\n")

    def write_dl(self, rows: Iterable[tuple[str, str]], col_max: int = 30, col_spacing: int = GAP) -> None:
        """Write options or commands, each beside what it is for."""
        if _is_english():
            super().write_dl(rows, col_max, col_spacing)
            return
        rows = list(rows)
        widest = min(max(_cells(term) for term, _ in rows), col_max) + col_spacing
        indent, room = " " * self.current_indent, self.width - self.current_indent - widest
        for term, text in rows:
            lines = _cut(_with_extra(text), room)
            fits = _cells(term) + col_spacing <= widest
            first = f"{term:<{widest}}{lines[0]}" if fits else f"{term}\n{indent}{'':{widest}}{lines[0]}"
            rest = "".join(f"\n{indent}{'':{widest}}{line}" for line in lines[1:])
            self.write(f"{indent}{first}{rest}\n")


class HelpContext(click.Context):
    """The context of every command: its help is written by our formatter."""

    formatter_class = HelpFormatter


def with_help(command: click.Command) -> click.Command:
    """Let a command, and those of a group, write their help by our formatter."""
    command.context_class = HelpContext
    for one in command.commands.values() if isinstance(command, click.Group) else ():
        with_help(one)
    return command


def _is_english() -> bool:
    return spoken().language == "en"


def _said(text: str) -> str:
    return spoken().translated(text)


def _paragraph(text: str, width: int) -> list[str]:
    if not text.startswith("\b"):
        return _cut(_said(" ".join(text.split())), width)
    lines = (re.split(r"(\s{2,})", line, maxsplit=1) for line in text.split("\n")[1:])
    return ["".join((*parts[:-1], _said(parts[-1]))) for parts in lines]


def _with_extra(text: str) -> str:
    """Translate what an option is for, and what click adds in brackets: its default, whether it is required."""
    found = _EXTRA.fullmatch(text)
    if found is None or not found["extra"]:
        return _said(text)
    extra = "；".join(map(_said, found["extra"].split("; ")))
    return f"{_said(found['help'])}  [{extra}]".lstrip()


def _cut(text: str, width: int) -> list[str]:
    """Cut a text into lines: between Chinese signs anywhere, between other words at a space."""
    lines = [""]
    for piece in _pieces(text):
        if lines[-1] and _cells(lines[-1]) + _cells(piece.rstrip()) > width and piece[0] not in "，。；：、）":
            lines.append("")
        lines[-1] += piece if lines[-1] else piece.lstrip()
    return [line.rstrip() for line in lines]


def _pieces(text: str) -> list[str]:
    """Give what may not be cut: a Chinese sign, or a word with the spaces before it."""
    return re.findall(r"\s*[^\s\u3000-\u9fff\uff00-\uffef]+|\s*[\u3000-\u9fff\uff00-\uffef]", text)


def _cells(text: str) -> int:
    """Give the columns that a text takes on a terminal; rich, which knows, is too slow to load for a help page."""
    return sum(2 if unicodedata.east_asian_width(sign) in "WF" else 1 for sign in text)
