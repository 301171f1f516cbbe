"""`metier explain`: which words and which parts of an image an answer rests on."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click
import numpy as np
from rich.text import Text

from metier.bundles import Bundle, Model, load_model
from metier.cli.commands import HELP
from metier.cli.console import answer_console, print_json, progress_console
from metier.cli.explained_memory import explain_memory
from metier.cli.explained_rows import explain_rows, nearest_facts
from metier.cli.speech import lang_option, spoken
from metier.data.columns.image_columns import is_image_name
from metier.data.output_files import check_output, text_output
from metier.errors import CallError
from metier.explanation import explain as explained
from metier.explanation.two_sides import is_two_sided
from metier.explanation.word_methods import BY_TORCH, ROLLOUT, graph_words
from metier.machine import usable_cores
from metier.report.evidence import MAPS, answered
from metier.report.explanation_page import caption, render_explanation, strongest
from metier.tasks.inputs import InputKind
from metier.tasks.inputs.spoken import Spoken

SHADES = " ░▒▓█"
MOST_WORDS = 8  # That are printed.
MOST_FEATURES = 4  # Of each span.


@click.command(
    context_settings=HELP, epilog='Example: metier explain runs/demo "my card never came" --out why.html'
)
@click.argument("bundle", metavar="RUN_OR_BUNDLE", type=click.Path(path_type=Path))
@click.argument("question", metavar="[TEXT_OR_IMAGE]", required=False)
@click.option(
    "--image",
    "images",
    metavar="FILE",
    type=click.Path(path_type=Path),
    multiple=True,
    help="Image beside the text; may be repeated.",
)
@click.option(
    "--other", metavar="TEXT", help="Second text of a pair, or the passage that a question is asked about."
)
@click.option("--label", metavar="LABEL", help="Label to explain. Default: the one that is predicted.")
@click.option(
    "--method",
    metavar="NAME",
    help="How words are weighed: linear (exact), leave_one_out, shapley, and of encoders gradient_x_input, "
    "integrated_gradients or attention_rollout. Default: linear where it suits.",
)
@click.option(
    "--counterfactual", is_flag=True, help="Find the fewest words without which the answer is another."
)
@click.option(
    "--nearest",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="Training rows; the most similar ones are shown with their labels.",
)
@click.option(
    "--rows",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="Explain the model over rows: which method is faithful to it, and what each label listens to.",
)
@click.option(
    "--memory",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="Examine how far away what an answer needs may stand, on rows with their true answers.",
)
@click.option(
    "--out", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE", help="Page (HTML) to write."
)
@click.option("--overwrite", is_flag=True, help="Replace the file of --out where there is one.")
@click.option("--threads", type=click.IntRange(min=1), help="Threads. Default: all cores.")
@lang_option()
@click.option("--json", "as_json", is_flag=True, help="Print the explanation as one JSON object.")
def explain(
    *,
    bundle: Path,
    question: str | None,
    images: tuple[Path, ...],
    other: str | None,
    label: str | None,
    method: str | None,
    counterfactual: bool,
    nearest: Path | None,
    rows: Path | None,
    memory: Path | None,
    out: Path | None,
    overwrite: bool,
    threads: int | None,
    lang: str | None,
    as_json: bool,
) -> None:
    """Show which words and which parts of an image an answer rests on.

    Of linear models each word's part is exact. Of others each word is left out, and each part of an image covered, and
    the model is asked again: what lowers the score of the label raised it; --method shapley averages over many orders
    and states its error. The graph of an encoder is followed back by gradient_x_input and integrated_gradients, which
    states what it misses; attention_rollout shows where information may flow, not why the answer is what it is. Networks
    of images that end in an average show their class activation map (Grad-CAM) too.

    With --rows in the place of a text the methods are compared: how far the answer falls without the words each ranks
    highest, and with them alone, beside a random order.

    With --memory what an answer needs is put at every depth of long texts made of the rows of a file, or of dialogue
    histories: how right, or how likely, are answers then, and is attention where the influence of words is?
    """
    if out is not None:
        check_output(out, overwrite=overwrite)
    elif overwrite:
        raise click.UsageError("--overwrite is for the file of --out, and none is named. Leave it out.")
    model = load_model(bundle, threads=threads or usable_cores())
    if sum(one is not None for one in (question, rows, memory)) > 1:
        raise click.UsageError("A text, --rows and --memory are different questions. Give one of them.")
    if rows is not None:
        explain_rows(model, rows, as_json=as_json)
        return
    if memory is not None:
        explain_memory(model, memory, as_json=as_json)
        return
    if question is None:
        raise click.UsageError("There is nothing to explain. Give a text or an image, or rows with --rows.")
    item = _sides(model, question, other) if is_two_sided(_kind_of(model)) else _item(model, question, images)
    if other is not None and not is_two_sided(_kind_of(model)):
        raise CallError(f"{model.name} is asked one text. Leave --other out.")
    found = explained(
        model.predict,
        _kind_of(model),
        item,
        label=label,
        folder=model.folder,
        method=method,
        predictor=model.predictor,
        counterfactual=counterfactual,
        graph=graph_words(model.folder) if method in BY_TORCH else None,
    )
    facts = found.as_dict() | {"model": model.name}
    if nearest is not None:
        facts |= {"nearest": nearest_facts(model, nearest, found.text)}
    if out is not None:
        with text_output(out, overwrite=overwrite) as write:
            write(render_explanation(facts, model=model.name, language=spoken().language))
    if as_json:
        print_json(facts)
        return
    _print(facts)
    if out is not None:
        progress_console().print(Text(spoken()("the page is {file}", file=out)), soft_wrap=True)


def _kind_of(model: Model) -> InputKind:
    """Give the form of what is explained: what was said, where it is spoken, as the answer rests on that."""
    kind = model.input_kind
    return kind.written if isinstance(kind, Spoken) else kind


def _sides(model: Model, question: str, other: str | None) -> dict[str, str]:
    """Give what was typed as a question of two texts."""
    one, two = model.input_kind.keys
    if other is None or not other.strip() or not question.strip():
        raise CallError(
            f"{model.name} is asked {model.input_kind.noun}. Give {one} first, and {two} with --other."
        )
    return {one: question, two: other}


def _item(model: Model, question: str, images: tuple[Path, ...]) -> Any:
    """Give what was typed as a question: a text, an image, or a text with images."""
    kind = model.input_kind
    if not question.strip() and not images:
        raise CallError("What is to be explained is blank. Give a text or the path of an image.")
    if "image" not in kind.keys:
        if images:
            raise CallError(f"{model.name} is asked texts alone. Leave --image out.")
        if not (isinstance(kind, Spoken) and isinstance(model, Bundle)):
            return question
        typed = kind.typed(question)
        return question if typed is None else model.heard([typed])[0]
    files = [str(path) for path in images]
    if kind.keys == ("image",):
        return {"image": [question, *files] if files else question}
    if not files and is_image_name(question) and Path(question).is_file():
        return {"text": "", "image": question}
    return {"text": question, "image": files or None}


def _print(facts: Mapping[str, Any]) -> None:
    console, say = answer_console(), spoken()
    console.print(Text(f"{facts['model']}{say(': ')}{answered(facts, say)}"), soft_wrap=True)
    if facts["words"]:
        console.print(Text(caption(facts, say), style="dim"), soft_wrap=True)
    for word in strongest(facts, MOST_WORDS):
        error = "" if word["error"] is None else f" ± {word['error']:.3f}"
        console.print(Text(f"{word['said']:>8}{error}  {word['text']}"), soft_wrap=True)
    for span in facts["spans"]:
        parts = say(", ").join(
            f"{one['part']:+.2f} {one['feature']}" for one in span["features"][:MOST_FEATURES]
        )
        said = {
            "span": facts["text"][span["start"] : span["end"]],
            "score": f"{span['score']:+.2f}",
            "parts": parts,
        }
        console.print(
            Text(say("{span}: {score} against outside, of which {parts}", **said)),
            soft_wrap=True,
            highlight=False,
        )
    if facts["gap"] is not None:
        missed = say(
            "the parts miss {gap} of the score less {baseline}, that of a text of masks", **_short(facts)
        )
        console.print(Text(missed), soft_wrap=True)
    if facts["method"] == ROLLOUT:
        console.print(
            Text(say("attention: where information may flow, not why the answer is what it is")), soft_wrap=True
        )
    if (other := facts["counterfactual"]) is not None:
        gone = say("; ").join(other["removed"])
        console.print(
            Text(say("without {words} the answer is {answer}: {text}", words=gone, **other)),
            soft_wrap=True,
        )
    if facts.get("nearest") == []:
        console.print(Text(say("near   no row shares a word with the text")), soft_wrap=True)
    for row in facts.get("nearest", ()):
        console.print(Text(say("near   row {row}, {label}: {text}", **row)), soft_wrap=True)
    for image in facts["images"]:
        for name, cells in image["maps"].items():
            console.print(Text(f"{image['name']}, {say(MAPS[name])}:"), soft_wrap=True)
            for line in shaded(cells):
                console.print(Text(f"  {line}"), soft_wrap=True)


def _short(facts: Mapping[str, Any]) -> dict[str, str]:
    return {name: f"{facts[name]:+.3f}".replace("-", "−") for name in ("gap", "baseline")}


def shaded(cells: list[list[float]]) -> list[str]:
    """Draw a map with signs of a terminal, two for a part: what raises the answer is dark."""
    heat = np.maximum(np.array(cells), 0)
    steps = np.rint(heat / max(float(heat.max()), 1e-12) * (len(SHADES) - 1)).astype(int)
    return ["".join(2 * SHADES[step] for step in row) for row in steps]
