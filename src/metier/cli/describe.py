"""`metier describe`: what a video shows and what is said in it, with time codes."""

from pathlib import Path
from typing import Any

import click

from metier.bundles.loading import load_bundle
from metier.cli.commands import HELP
from metier.cli.console import ProgressLines, answer_console
from metier.cli.shares import NumberRange
from metier.cli.speech import lang_option
from metier.data.output_files import check_output, write_text
from metier.speech import Transcriber
from metier.video import describe as describe_video
from metier.video.description import FORMS
from metier.video.frames import MOST_SECONDS


@click.command(
    context_settings=HELP,
    epilog="Example: metier describe visit.mp4 --run runs/groceries --out visit.vtt --format vtt",
)
@click.argument("video", metavar="VIDEO", type=click.Path(path_type=Path))
@click.option(
    "--run",
    type=click.Path(path_type=Path),
    help="Run or bundle of images that tags each scene. Default: no tags.",
)
@click.option(
    "--out", type=click.Path(path_type=Path), metavar="FILE", help="File to write. Default: the terminal."
)
@click.option(
    "--format",
    "form",
    type=click.Choice(tuple(FORMS)),
    default="text",
    show_default=True,
    help="One line a scene or sentence, JSON, or subtitles (SubRip, WebVTT).",
)
@click.option(
    "--speech/--no-speech", default=True, help="Whether what is said is written down. Default: it is."
)
@click.option(
    "--speech-model",
    metavar="NAME",
    default="auto",
    show_default=True,
    help="Known name or folder of a Whisper model.",
)
@click.option("--language", metavar="CODE", help="Language that is spoken, such as en or zh. Default: heard.")
@click.option(
    "--most-minutes",
    type=NumberRange(min=0, min_open=True),
    default=MOST_SECONDS / 60,
    show_default=True,
    help="Longer videos are refused.",
)
@click.option("--overwrite", is_flag=True, help="Replace an existing file.")
@lang_option()
def describe(
    *,
    video: Path,
    run: Path | None,
    out: Path | None,
    form: str,
    speech: bool,
    speech_model: str,
    language: str | None,
    most_minutes: float,
    overwrite: bool,
    lang: str | None,
) -> None:
    """Describe a video: scenes tagged, speech written down, with time codes.

    A frame is looked at twice a second; where it differs from the scene before, another scene begins, and one picture of
    each scene is tagged. The description is put together by a template from these tags and from what is said; nothing
    else is written.
    """
    if out is not None:
        check_output(out, overwrite=overwrite)
    tagger: Any = None if run is None else load_bundle(run)
    transcriber = Transcriber(speech_model, language=language) if speech else None
    with ProgressLines() as listener:
        found = describe_video(
            video, tagger=tagger, transcriber=transcriber, most_seconds=60 * most_minutes, listener=listener
        )
    written = FORMS[form](found)
    if out is None:
        answer_console().print(written.rstrip("\n"), markup=False, soft_wrap=True, highlight=False)
        return
    write_text(out, written)
    answer_console().print(str(out), markup=False, soft_wrap=True)
