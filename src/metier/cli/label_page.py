"""The page on which rows are labelled, drawn on a terminal; where stdout is none, each row is printed once."""

from collections.abc import Iterable, Mapping
from typing import Any

from rich.console import Console
from rich.text import Text

from metier.cli.console import count
from metier.cli.speech import spoken
from metier.continual.labelling.choices import Option
from metier.continual.labelling.page import Page, View
from metier.continual.labelling.span_marks import Mark
from metier.continual.queue.items import Answer, Kind

MARKED = "bold underline"
LINE = 80
# Lines of a terminal that are not the text: rules, why the row is there, what is asked, a message.
OTHER_LINES, FEWEST_LINES = 10, 5


def run_page(page: Page, keys: Iterable[str], console: Console, *, kind: Kind) -> None:
    """Show rows and take keys until the page is closed or there is no row left."""
    shown: Any = None
    for key in _with_first(keys):
        if key is not None:
            page.press(key)
        view = page.view()
        if page.is_closed:
            return
        now = (
            (view.item, view.message, view.shows_keys, view.shows_all) if not console.is_terminal else object()
        )
        if now != shown:
            draw(view, console, kind=kind)
        shown = now


def _with_first(keys: Iterable[str]) -> Iterable[str | None]:
    yield None
    yield from keys


def draw(view: View, console: Console, *, kind: Kind) -> None:
    """Draw the page; a terminal is cleared before."""
    say = spoken()
    if console.is_terminal:
        console.clear()
    console.print(
        Text(say("{n} labelled now, {left} left; ? shows the keys", n=view.n_done, left=count(view.n_left)))
    )
    if view.item is None:
        console.print(Text(say("There is no row left for you. u takes the last one back, q ends.")))
        return
    console.print(Text("─" * min(console.width, LINE), style="dim"))
    _draw_text(view, console)
    console.print(Text("─" * min(console.width, LINE), style="dim"))
    # Of a row for two people the reason would say what the model answers.
    for _, sentence in view.item.reasons if view.item.needed < 2 else ():
        console.print(Text(say("why: {reason}", reason=say.told(sentence)), style="dim"))
    for one in view.said:
        told = {"name": one.labeller, "answer": answer_words(one.answer)}
        console.print(Text(say("{name} says: {answer}", **told) + (f" · {one.comment}" if one.comment else "")))
    if view.before is not None:
        console.print(Text(say("your answer so far: {answer}", answer=answer_words(view.before))))
    if kind == "spans":
        _draw_marks(view, console)
    for option in view.options:
        console.print(_option(option))
    console.print(Text(_asked(view, kind)))
    if view.message:
        console.print(Text("! " + say.told(view.message)))
    if view.shows_keys:
        _draw_keys(console, kind)


def answer_words(answer: Answer | None) -> str:
    """Give an answer in words."""
    say = spoken()
    if answer is None:
        return say("skipped")
    if "spans" in answer:
        listed = say.listed(f"{start}–{end} {label}" for start, end, label in answer["spans"])
        return listed or say("no spans")
    if "labels" in answer:
        return say.listed(answer["labels"]) or say("no labels")
    return str(answer["label"])


def _draw_text(view: View, console: Console) -> None:
    """Draw the text; of one that is longer than the terminal has lines, the first ones, so that its keys stay in sight."""
    assert view.item is not None
    text = _text(view.item.text, view.marks)
    if console.is_terminal and not view.shows_all:
        lines = text.wrap(console, console.width)
        most = max(console.height - OTHER_LINES - len(view.options) - len(view.marks), FEWEST_LINES)
        if len(lines) > most:
            for line in lines[:most]:
                console.print(line)
            told = spoken()("… {n} more line(s|); + shows the whole text", n=count(len(lines) - most))
            console.print(Text(told, style="dim"))
            return
    console.print(text)


def _text(text: str, marks: list[Mark]) -> Text:
    shown = Text(text)
    for mark in marks:
        if mark.is_kept:
            shown.stylize(MARKED, mark.start, mark.end)
    return shown


def _draw_marks(view: View, console: Console) -> None:
    say, text = spoken(), "" if view.item is None else view.item.text
    for number, mark in enumerate(view.marks, 1):
        key, sign = number if number < 10 else " ", "✓" if mark.is_kept else "✗"
        line = f"  {key} {sign} {text[mark.start : mark.end]} → {mark.label}"
        console.print(Text(line, style="" if mark.is_kept else "dim"))
    if not view.marks:
        console.print(Text("  " + say("no spans")))


def _option(option: Option) -> Text:
    share = "" if option.probability is None else f"  {100 * option.probability:.0f} %"
    mark = "•" if option.is_chosen else " "
    return Text(f"  {option.key or ' '} {mark} {option.label}{share}", style="bold" if option.is_chosen else "")


def _asked(view: View, kind: Kind) -> str:
    say = spoken()
    if view.asks == "comment":
        return say("comment, then Enter: {typed}", typed=view.typed)
    if view.asks == "new":
        return say("name of the new label, then Enter: {typed}", typed=view.typed)
    if view.asks == "words":
        return say("words of the span as they stand in the text, then Enter: {typed}", typed=view.typed)
    if view.asks == "search":
        return say("type to search, a digit chooses: {typed}", typed=view.typed)
    if kind == "spans":
        if view.options:
            return say("label of the span?")
        return say("a adds a span, a digit removes one or takes it back, Enter stores, Space skips")
    if kind == "labels":
        return say("keys add and remove labels, Enter stores, Space skips")
    if view.suggestion is not None:
        return say("a key chooses, Enter accepts the model's answer, Space skips")
    return say("a key chooses, Space skips")


def _draw_keys(console: Console, kind: Kind) -> None:
    say = spoken()
    told: Mapping[str, str] = {
        "Enter": say("store, or accept the model's answer"),
        "Space, s": say("skip"),
        "u, Ctrl-Z": say("take the last answer back"),
        "b": say("show the row before once more, to correct it"),
        "c": say("comment"),
        "n": say("a label that does not exist yet"),
        "+": say("the whole of a long text, or its beginning"),
        "q, Ctrl-D": say("end; all answers are stored already"),
    }
    for key, what in told.items():
        console.print(Text(f"  {key:<10} {what}"))
    console.print(
        Text("  " + say("With more than 20 labels letters search, and commands are capital letters."))
    )
