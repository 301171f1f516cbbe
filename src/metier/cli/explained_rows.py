"""What `metier explain --rows` and `--nearest` print: methods beside one another, words of each label, similar rows."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.text import Text

from metier.audit.labels import labels_of_rows
from metier.bundles import Model
from metier.cli.console import ProgressLines, answer_console, count, figures_table, print_json, print_whole
from metier.cli.speech import spoken
from metier.data import Rows, read
from metier.data.trained_columns import with_columns
from metier.errors import CallError, MissingExtraError
from metier.evaluation.figure import Figure
from metier.explanation.faithfulness import MEASURES, RANDOM, Faithfulness
from metier.explanation.over_rows import LabelWords, faithfulness_of, label_words, nearest_rows
from metier.explanation.word_methods import GraphWords, graph_words

MOST_WORDS = 8
SHOWN = 160  # Characters of a row.


def explain_rows(model: Model, file: Path, *, as_json: bool) -> None:
    """Print which method is faithful to a model of texts, and what each of its labels listens to."""
    texts = _texts(model, file).texts
    graph = _graph_of(model)
    with ProgressLines() as listener:
        methods = faithfulness_of(
            model.predict, texts, predictor=model.predictor, graph=graph, listener=listener
        )
        labels = label_words(model.predict, texts, predictor=model.predictor, listener=listener)
    best = most_faithful(methods)
    if as_json:
        facts = {"model": model.name, "most_faithful": best, "methods": [_facts(one) for one in methods]}
        print_json(facts | {"labels": [asdict(one) for one in labels]})
        return
    _print(model, methods, labels, best)


def most_faithful(methods: Sequence[Faithfulness]) -> str:
    """Give the method whose words matter most by both measures and both readings; a random order is none."""
    signs = (1, -1, 1, -1)  # Of `MEASURES`: the answer should fall without the words, and not with them alone.

    def gain(one: Faithfulness) -> float:
        return sum(sign * one.figures[name].value for name, sign in zip(MEASURES, signs, strict=True))

    return max((one for one in methods if one.method != RANDOM), key=gain).method


def nearest_facts(model: Model, file: Path, text: str) -> list[dict[str, Any]]:
    """Give the rows of a file that are the most similar to a text, with their labels."""
    rows = _texts(model, file)
    labels = labels_of_rows(rows)
    return [
        {
            "row": row + 1,
            "label": ", ".join(labels[row]) if labels else None,
            "text": rows.texts[row][:SHOWN],
            "score": round(score, 3),
        }
        for row, score in nearest_rows(text, rows.texts)
    ]


def _texts(model: Model, file: Path) -> Rows:
    if model.input_keys != ("text",):
        raise CallError(
            f"{model.name} is asked about {model.input_kind.noun}; rows of single texts alone are explained together. "
            "Explain one question at a time."
        )
    return with_columns(model.roles, lambda **roles: read(file, **roles))


def _graph_of(model: Model) -> GraphWords | None:
    """Give what weighs words by the graph of a model; None where it has none, or torch is not installed."""
    try:
        return graph_words(model.folder)
    except (CallError, MissingExtraError):
        return None


def _facts(one: Faithfulness) -> dict[str, Any]:
    measured = {name: figure.as_dict() for name, figure in one.figures.items()}
    stability = None if one.stability is None else one.stability.as_dict()
    return {"method": one.method, **measured, "stability": stability}


def _print(model: Model, methods: Sequence[Faithfulness], labels: Sequence[LabelWords], best: str) -> None:
    console, say = answer_console(), spoken()
    said = {"name": model.name, "method": best, "n": count(methods[0].figures[MEASURES[0]].rows)}
    console.print(
        Text(say("{name}: {method} is the most faithful explanation on {n} text(s|)", **said)), soft_wrap=True
    )
    table = figures_table(
        say("method"),
        *(say("without the top words"), say("with them alone")),
        *(say("without, masked"), say("alone, masked")),
        say("stability"),
    )
    for one in methods:
        cells = [_written(one.figures[name]) for name in MEASURES]
        stability = "–" if one.stability is None else f"{one.stability.value:.2f}"
        table.add_row(Text(one.method), *cells, stability)
    print_whole(console, table)
    console.print(
        Text(say("fall of the probability: high without the top words, low with them alone")), soft_wrap=True
    )
    for label in labels:
        words = say(", ").join(f"{name} {value:+.2f}" for name, value, _ in label.words[:MOST_WORDS])
        if words:
            said = {"label": label.label, "n": count(label.texts), "words": words}
            console.print(Text(say("{label} ({n} text(s|)): {words}", **said)), soft_wrap=True)


def _written(figure: Figure) -> str:
    if figure.low is None or figure.high is None:
        return f"{figure.value:.3f}"
    return f"{figure.value:.3f} [{figure.low:.3f}, {figure.high:.3f}]".replace("-", "−")
