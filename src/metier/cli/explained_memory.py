"""What `metier explain --memory` prints: how right answers are by the place of what they need, and what attention says."""

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.text import Text

from metier.bundles import Model
from metier.cli.console import ProgressLines, answer_console, count, figures_table, print_json, print_whole
from metier.cli.speech import spoken
from metier.data import read
from metier.data.trained_columns import with_columns
from metier.errors import CallError, EmptyDataError, MissingExtraError
from metier.evaluation.figure import Figure
from metier.explanation.memory import Memory, measure_memory
from metier.explanation.memory.attention_influence import attention_against_influence
from metier.explanation.memory.context_memory import DEPTHS, FIRST, NEWEST, WHOLE, WITHOUT
from metier.explanation.memory.writer_memory import MEASURE, measure_writer_memory
from metier.explanation.word_methods import graph_words
from metier.report.words import Words
from metier.tasks.answers import LABEL, WRITTEN_TEXT


def explain_memory(model: Model, file: Path, *, as_json: bool) -> None:
    """Print the context memory of a model over rows with their true answers."""
    rows = with_columns(model.roles, lambda **roles: read(file, **roles))
    with ProgressLines() as listener:
        if model.answer_kind.name == WRITTEN_TEXT.name:
            memory = measure_writer_memory(model.predictor, rows, listener=listener)
        else:
            memory = measure_memory(
                model.predict,
                rows,
                answer=model.answer_kind,
                keys=model.input_keys,
                folder=model.folder,
                listener=listener,
            )
    agreement = _agreement(model, rows.texts) if model.answer_kind.name == LABEL.name else {}
    if as_json:
        facts = {name: figure.as_dict() for name, figure in agreement.items()}
        print_json({"model": model.name, **_facts(memory), "correlation_with_influence": facts})
        return
    _print(model, memory, agreement)


def _agreement(model: Model, texts: Any) -> Mapping[str, Figure]:
    """Give how attention and gradients agree with influence; nothing where the graph cannot be followed back."""
    try:
        return attention_against_influence(model.predict, texts, graph_words(model.folder))
    except (CallError, MissingExtraError, EmptyDataError):
        return {}


def _facts(memory: Memory) -> dict[str, Any]:
    def plain(one: Any) -> dict[str, Any]:
        return asdict(one) | {"figure": one.figure.as_dict()}

    return {
        "needles": memory.n_needles,
        "window_tokens": memory.window_tokens,
        "measure": memory.measure,
        "cells": [plain(one) for one in memory.cells],
        "losses": [plain(one) for one in memory.losses],
    }


def _print(model: Model, memory: Memory, agreement: Mapping[str, Figure]) -> None:
    console, say = answer_console(), spoken()
    names = _names(say)
    said = {"name": model.name, "n": count(memory.n_needles), "tokens": count(memory.window_tokens)}
    console.print(
        Text(
            say(
                "{name}: {measure} by the place of what {n} answers need; the window has {tokens} tokens",
                measure=names[memory.measure],
                **said,
            )
        ),
        soft_wrap=True,
    )
    by_place = {(one.windows, one.handling, one.depth): one.figure for one in memory.cells}
    heads = [say("at {depth} % of the text", depth=f"{100 * depth:.0f}") for depth in DEPTHS]
    table = figures_table(say("windows"), say("long texts"), *heads, left=2)
    for windows, handling in dict.fromkeys((one.windows, one.handling) for one in memory.cells):
        if handling == WITHOUT:
            figure = by_place[windows, handling, None]
            table.add_row(f"{windows:g}", Text(names[handling]), _written(figure))
            continue
        cells = [_written(by_place[windows, handling, depth]) for depth in DEPTHS]
        table.add_row(f"{windows:g}", Text(names[handling]), *cells)
    print_whole(console, table)
    for loss in memory.losses:
        said = {"windows": f"{loss.windows:g}", "handling": names[loss.handling], "loss": _written(loss.figure)}
        console.print(
            Text(say("{windows} windows, {handling}: loses {loss} against the shortest texts", **said)),
            soft_wrap=True,
        )
    for name, figure in agreement.items():
        said = {"name": name, "figure_of": _written(figure), "n": count(figure.rows)}
        console.print(
            Text(say("{name}: rank correlation with the influence of words {figure_of} on {n} texts", **said)),
            soft_wrap=True,
        )


def _names(say: Words) -> dict[str, str]:
    """Give the names of measures and of ways to handle long texts in the language that is spoken."""
    return {
        "accuracy": say("accuracy"),
        "recall of spans": say("recall of spans"),
        "F1 of the words": say("F1 of the words"),
        MEASURE: say("log-likelihood a token"),
        WHOLE: say("as the bundle reads it"),
        FIRST: say("first window alone"),
        NEWEST: say("newest turns alone"),
        WITHOUT: say("without the needle"),
    }


def _written(figure: Figure) -> str:
    if figure.low is None or figure.high is None:
        return f"{figure.value:.2f}"
    return f"{figure.value:.2f} [{figure.low:.2f}, {figure.high:.2f}]".replace("-", "−")
