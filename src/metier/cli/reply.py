"""`metier reply`: what a conversation is answered, after the nearest cases with pictures, or by a model that writes."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import click
from rich.text import Text

from metier.bundles import Bundle, load_bundle
from metier.bundles.output_filter import filtered
from metier.cli.commands import HELP
from metier.cli.console import answer_console, print_json
from metier.cli.dialogue_options import dialogue_options
from metier.cli.filter_options import asked_filter, filter_options
from metier.cli.loaded_dialogue import loaded_dialogue
from metier.cli.memory_options import AskedMemory, asked_memory, memory_options
from metier.cli.speech import lang_option, spoken
from metier.dialogue.image_dialogue import Language, Reply
from metier.dialogue.memory import remembering
from metier.dialogue.messages import Message, read_messages
from metier.errors import UnreadableFileError
from metier.given_files import FileFaultError, given_json
from metier.image.picture import Picture
from metier.machine import usable_cores
from metier.tasks.answers.written_text import WrittenText


@click.command(
    context_settings=HELP,
    epilog='Example: metier reply runs/search --cases cases.csv "is this ripe?" --image photo.jpg',
)
@click.argument("bundle", metavar="RUN_OR_BUNDLE", type=click.Path(path_type=Path))
@click.argument("text_asked", metavar="[TEXT]", required=False, default="")
@click.option(
    "--cases",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Rows with a picture, what was asked and what was answered, which the search was trained on. Without them a "
    "model that writes replies.",
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
@click.option("--conversation", metavar="NAME", help="Go on with this conversation of --memory.")
@click.option("--subject", metavar="NAME", help="Whom it is with, to erase it by.")
@memory_options
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
    cases: Path | None,
    images: tuple[Path, ...],
    history: Path | None,
    conversation: str | None,
    subject: str | None,
    memory: Path | None,
    memory_texts: Literal["masked", "plain"] | None,
    memory_days: int | None,
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

    Without --cases a run of the task generation writes the reply. With --memory it remembers each conversation by its name:
    the newest turns are read whole, then the older lines that are most like what was said last.
    """
    messages = _messages(text_asked, images, history)
    judge = asked_filter(filters, filter_words, filter_model, filter_labels)
    remembered = asked_memory(memory, memory_texts, memory_days)
    if cases is None:
        _check_writer(images, of_dialogue)
        named = {"conversation": conversation, "subject": subject}
        item = _item(messages, named, remembered)
        model = load_bundle(bundle, threads=usable_cores())
        model = model if judge is None else filtered(model, judge)
        model = model if remembered is None else remembering(model, remembered.opened())
        _write(model, item, as_json=as_json)
        return
    if remembered is not None:
        raise click.UsageError("--memory is for a model that writes, and --cases for a search. Leave one out.")
    dialogue = loaded_dialogue(bundle, cases, judge=judge, threads=usable_cores(), **of_dialogue)
    found = dialogue.reply(messages, language=language)
    print_json(found.as_dict()) if as_json else _print(found)


def _check_writer(images: Sequence[Path], of_dialogue: Mapping[str, Any]) -> None:
    """Refuse what only a search with its cases can use."""
    idle = [f"--{name}" for name in ("labeller", "writer", "text") if of_dialogue[name] is not None]
    idle += ["--role"] if of_dialogue["roles"] else []
    idle += ["--image"] if images else []
    if idle:
        raise click.UsageError(
            f"{', '.join(idle)} would do nothing without --cases. Leave that out, or give --cases."
        )


def _item(
    messages: Sequence[Message], named: Mapping[str, str | None], remembered: AskedMemory | None
) -> dict[str, Any]:
    """Give the question to a model that writes, with the name of its conversation where it has a memory."""
    given = {name: value for name, value in named.items() if value is not None}
    if remembered is None and given:
        flags = ", ".join(f"--{name}" for name in given)
        raise click.UsageError(
            f"{flags} would do nothing without --memory. Leave that out, or give --memory FILE."
        )
    if remembered is not None and "conversation" not in given:
        raise click.UsageError("--memory needs the name of the conversation. Add --conversation NAME.")
    turns = [{"role": message.role, "content": message.content} for message in messages]
    return {"messages": turns, **given}


def _write(model: Bundle, item: Mapping[str, Any], *, as_json: bool) -> None:
    """Print what a model writes to a conversation, or to the one text where it knows no conversations."""
    if not isinstance(model.answer_kind, WrittenText) or "passage" in model.input_keys:
        raise click.UsageError(
            f"{model.name} answers the task {model.task.name} and writes no replies. Give a run of the task generation, or "
            "--cases with a search of pictures."
        )
    answers = model.answered([item])
    record = answers.record(0)
    if as_json:
        print_json(record)
    else:
        answer_console().print(Text(str(record["text"])), soft_wrap=True)


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
