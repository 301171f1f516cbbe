"""`metier reply`: what a conversation with pictures is answered, after the nearest cases."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
from rich.text import Text

from metier.cli.commands import HELP
from metier.cli.console import answer_console, print_json
from metier.cli.dialogue_options import dialogue_options
from metier.cli.filter_options import asked_filter, filter_options
from metier.cli.loaded_dialogue import loaded_dialogue
from metier.cli.speech import lang_option, spoken
from metier.dialogue.image_dialogue import Language, Reply
from metier.dialogue.messages import Message, read_messages
from metier.errors import UnreadableFileError
from metier.given_files import FileFaultError, given_json
from metier.image.picture import Picture
from metier.machine import usable_cores


@click.command(
    context_settings=HELP,
    epilog='Example: metier reply runs/search --cases cases.csv "is this ripe?" --image photo.jpg',
)
@click.argument("bundle", metavar="RUN_OR_BUNDLE", type=click.Path(path_type=Path))
@click.argument("text_asked", metavar="[TEXT]", required=False, default="")
@click.option(
    "--cases",
    required=True,
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Rows with a picture, what was asked and what was answered, which the search was trained on.",
)
@click.option(
    "--image",
    "images",
    metavar="FILE",
    type=click.Path(path_type=Path),
    multiple=True,
    help="Picture beside the text; may be repeated.",
)
@click.option(
    "--messages",
    "history",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="JSON list of the messages before, in the form of chat completions (role, content).",
)
@dialogue_options
@filter_options
@click.option(
    "--language",
    type=click.Choice(["auto", "en", "zh"]),
    default="auto",
    show_default=True,
    help="Language of the reply; auto: that of the user.",
)
@lang_option()
@click.option("--json", "as_json", is_flag=True, help="Print the reply and its cases as one JSON object.")
def reply(
    *,
    bundle: Path,
    text_asked: str,
    cases: Path,
    images: tuple[Path, ...],
    history: Path | None,
    language: Language,
    filters: bool,
    filter_words: tuple[Path, ...],
    filter_model: Path | None,
    filter_labels: Sequence[str] | None,
    lang: str | None,
    as_json: bool,
    **of_dialogue: Any,
) -> None:
    """Reply to a conversation that may hold pictures, after the nearest cases that were answered.

    The search is a run of the task retrieval in which texts find pictures. The reply is the answer of the nearest case,
    with the case cited; where none is near enough it says so, and a person should answer.
    """
    messages = _messages(text_asked, images, history)
    judge = asked_filter(filters, filter_words, filter_model, filter_labels)
    dialogue = loaded_dialogue(bundle, cases, judge=judge, threads=usable_cores(), **of_dialogue)
    found = dialogue.reply(messages, language=language)
    print_json(found.as_dict()) if as_json else _print(found)


def _messages(text: str, images: tuple[Path, ...], history: Path | None) -> list[Message]:
    before = [] if history is None else read_messages(_json(history))
    if not text and not images:
        if not before:
            raise click.UsageError(
                "There is nothing to reply to. Give a text, a picture with --image, or both; or --messages."
            )
        return before
    pictures = [Picture.of_file(path) for path in images]
    return [*before, Message("user", text, Picture.of_several(pictures) if pictures else None)]


def _json(path: Path) -> Any:
    try:
        found = given_json(path)
    except (FileNotFoundError, FileFaultError) as error:
        raise UnreadableFileError(
            f"{path} cannot be read as JSON ({error}). Give a list of messages with role and content."
        ) from None
    return found.get("messages") if isinstance(found, dict) else found


def _print(found: Reply) -> None:
    console, say = answer_console(), spoken()
    console.print(Text(found.text), soft_wrap=True)
    for one in found.cases:
        line = say(
            "case {id}, similarity {similarity}: {image}",
            id=one.case.id,
            similarity=f"{one.similarity:.2f}",
            image=one.case.image,
        )
        console.print(Text(line), soft_wrap=True)
