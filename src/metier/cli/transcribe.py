"""`metier transcribe`: recordings as text, as subtitles, or with the times of every word."""

import sys
from pathlib import Path

import click

from metier.cli import console as shown
from metier.cli.commands import HELP
from metier.cli.speech import lang_option, spoken
from metier.data.output_files import check_output, make_folder, write_text
from metier.errors import AudioError, CallError
from metier.machine import usable_cores
from metier.speech.models import AUTO
from metier.speech.recording import Recording
from metier.speech.subtitles import FORMS, SUFFIXES
from metier.speech.transcriber import Transcriber
from metier.speech.transcript import Transcript

ENDINGS = {form: suffix for suffix, form in SUFFIXES.items()}
SPEECH = "speech="  # What `metier train --base` calls it by.


@click.command(
    context_settings=HELP, epilog="Example: metier transcribe talk.mp3 call.wav --format srt --out subtitles"
)
@click.argument("files", metavar="FILE...", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    metavar="FILE_OR_FOLDER",
    help="File for the transcript of one recording, or folder for those of several. Default: stdout.",
)
@click.option(
    "--format",
    "form",
    type=click.Choice(list(FORMS)),
    help="Format: text, json (words with times), srt, vtt or csv. Default: by the ending of --out, else text.",
)
@click.option(
    "--base",
    default=AUTO,
    metavar="NAME",
    help="Speech model: folder or short name. Default: the installed one that hears most languages.",
)
@click.option("--language", metavar="CODE", help="Language that is spoken, such as en or zh. Default: heard.")
@click.option("--mark", is_flag=True, help="Put words that the model is unsure of in brackets: [Thomas?].")
@click.option("--overwrite", is_flag=True, help="Replace the file of --out where there is one.")
@click.option("--threads", type=click.IntRange(min=1), help="Threads. Default: the cores this process may use.")
@lang_option()
def transcribe(  # One parameter an option, as click hands them over.
    *,
    files: tuple[Path, ...],
    out: Path | None,
    form: str | None,
    base: str,
    language: str | None,
    mark: bool,
    overwrite: bool,
    threads: int | None,
    lang: str | None,
) -> int:
    """Turn recordings into text.

    Silence is left out, and so is what repeats itself or stands where nobody speaks; --format json says where. WAV, FLAC,
    MP3, Ogg, M4A, AAC, AIFF and WebM are read, up to four hours each, a few minutes at a time. What was heard is kept by
    its content, so that asking for another format is quick.
    """
    chosen = form or (SUFFIXES.get(out.suffix.lower()) if out is not None else None) or "text"
    places = _places(files, out, chosen)
    transcriber = Transcriber(base.removeprefix(SPEECH), language=language, threads=threads or usable_cores())
    if len(files) > 1 and out is not None:
        make_folder(out)
    for place in places:
        if place is not None:
            check_output(place, overwrite=overwrite)
    n_broken = 0
    for path, place in zip(files, places, strict=True):
        try:
            with shown.ProgressLines() as listener:
                transcript = transcriber.transcribe(Recording.of_file(path), listener=listener)
        except AudioError as error:
            if len(files) == 1:
                raise
            n_broken += 1
            shown.progress_console().print(f"✗ {spoken().told(str(error))}", markup=False, soft_wrap=True)
            continue
        _write(FORMS[chosen](transcript, marks=mark), place, path, is_one=len(files) == 1)
        _print_facts(path, transcript)
    return 1 if n_broken else 0


def _places(files: tuple[Path, ...], out: Path | None, form: str) -> list[Path | None]:
    """Give where each transcript goes; None: stdout."""
    if out is None:
        return [None] * len(files)
    if len(files) == 1 and not out.is_dir():
        return [out]
    if out.is_file():
        raise CallError(f"--out {out} is a file, and there are {len(files)} recordings. Name a folder.")
    places = [out / f"{path.stem}{ENDINGS[form]}" for path in files]
    twice = next((place for place in places if places.count(place) > 1), None)
    if twice is not None:
        raise CallError(
            f"Two recordings would be written to {twice}. Rename one, or transcribe them one at a time."
        )
    return list(places)


def _write(text: str, place: Path | None, path: Path, *, is_one: bool) -> None:
    if place is not None:
        write_text(place, text)
        return
    if not is_one:
        shown.print_line(f"# {path}")
    shown.print_line(text, end="")
    sys.stdout.flush()


def _print_facts(path: Path, transcript: Transcript) -> None:
    """Say how long it was, in which language, and how sure the model is."""
    say, words = spoken(), transcript.words
    unsure = sum(not word.is_sure for word in words)
    told = {
        "file": path.name,
        "time": shown.duration(transcript.seconds),
        "model": transcript.model,
        "language": transcript.language or "–",
        "words": shown.count(len(words)),
        "unsure": shown.count(unsure),
    }
    line = say(
        "{file}: {time}, language {language}, {words} word(s|) by {model}, {unsure} of them unsure", **told
    )
    shown.progress_console().print(line, markup=False, soft_wrap=True)
    if transcript.left_out:
        cut = say("{n} segment(s|) left out as not spoken", n=len(transcript.left_out))
        shown.progress_console().print(f"  {cut}", markup=False, soft_wrap=True)
