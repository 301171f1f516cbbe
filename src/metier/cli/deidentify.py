"""`metier deidentify`: DICOM files without what names a person, and a list of what was done to each."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import click

from metier.cli.commands import HELP
from metier.cli.console import ProgressLines, count, print_json, print_line
from metier.cli.speech import lang_option, spoken
from metier.data.output_files import make_folder
from metier.errors import CallError, DataError
from metier.figures import count_of
from metier.image.dicom.burned_in import can_read
from metier.image.dicom.deidentification import Deidentified, How, deidentified
from metier.image.dicom.profile import SOURCE
from metier.image.dicom.pseudonyms import Pseudonyms, kept_key, new_key
from metier.image.dicom.recognising import is_dicom_file, may_be_read
from metier.progress import Listener, Progress
from metier.storage import partial_file, storage_errors, write_text

WRITTEN, NOT_WRITTEN, SKIPPED = "written", "not written", "skipped"
REPORT = ".deidentified.json"
MOST_SHOWN = 10
# What no rule for headers does, said in every list.
NOT_DONE = (
    "Pixels are not changed: text in them is looked for, and never removed.",
    "A face can be made from a scan of a head, and rare findings can tell whose a picture is.",
    "Nothing here promises that nobody can be recognised. Let somebody who answers for it look at the files.",
)


@click.command(context_settings=HELP, epilog="Example: metier deidentify study/ clean/ --dates shift")
@click.argument("source", metavar="IN", type=click.Path(path_type=Path))
@click.argument("target", metavar="OUT", type=click.Path(path_type=Path))
@click.option(
    "--dates",
    type=click.Choice(["remove", "shift"]),
    default="remove",
    help="Remove dates and times, or shift dates by the same days for all files of a patient. Default: remove.",
)
@click.option(
    "--key",
    type=click.Path(path_type=Path),
    help="File with the key of the codes, so that later files of a patient get the same; made if it is missing. "
    "Default: a key that is forgotten.",
)
@click.option("--no-ocr", is_flag=True, help="Do not look for text in the pixels with tesseract.")
@click.option(
    "--write-burned-in", is_flag=True, help="Write pictures that have or may have text in their pixels, too."
)
@click.option(
    "--report",
    type=click.Path(path_type=Path),
    help="File with the list of what was done; it names the files of IN. Default: OUT.deidentified.json.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the list as one JSON object.")
@lang_option()
def deidentify(
    *,
    source: Path,
    target: Path,
    dates: str,
    key: Path | None,
    no_ocr: bool,
    write_burned_in: bool,
    report: Path | None,
    as_json: bool,
    lang: str | None,
) -> int:
    """De-identify DICOM files: headers by the basic profile of the standard (PS3.15, Annex E).

    IN is a file or a folder, OUT a folder. Names, numbers, places, devices, private attributes and dates are removed,
    emptied or replaced, in sequences too; identifiers get new ones, the same for all files of a run. Pictures with text
    in their pixels are held back. A file that cannot be read whole is not written, and no file is replaced.

    The result is de-identified by rules. That is no promise that nobody can be recognised.
    """
    report = report or target.with_name(target.name + REPORT)
    files = _files(source, target)
    if report.exists():
        raise CallError(f"{report} exists already, and stays as it is. Name another file with --report.")
    pseudonyms = Pseudonyms(new_key() if key is None else kept_key(key))
    how = How(pseudonyms, dates == "shift", reads_text=not no_ocr and can_read(), writes_text=write_burned_in)
    with ProgressLines() as listener:
        listed = list(_each(files, source, target, how, listener))
    facts = _facts(listed, how, source=source, target=target, report=report)
    write_text(report, json.dumps(facts, ensure_ascii=False, indent=1) + "\n")
    report.chmod(0o600)  # It names the files that names of patients may be in.
    print_json(facts) if as_json else _print(facts)
    return 1 if facts["not_written"] else 0


def _files(source: Path, target: Path) -> list[Path]:
    if not source.exists():
        raise CallError(f"{source} does not exist. Name a DICOM file, or a folder of them.")
    if target.exists() and not target.is_dir():
        raise CallError(f"{target} is a file. Name a folder to write to.")
    inside = source.resolve() in (target.resolve(), *target.resolve().parents)
    if source.is_dir() and inside:
        raise CallError(
            f"{target} is in {source}, whose files it would be mixed with. Name a folder elsewhere."
        )
    if not source.is_dir():
        if may_be_read(source) and not is_dicom_file(source):
            raise CallError(f"{source} is not a DICOM file. Name one, or a folder of them.")
        return [source]
    # A link that leads nowhere is a file that cannot be read, and is listed.
    files = sorted(
        path for path in source.rglob("*") if path.is_file() or (path.is_symlink() and not path.exists())
    )
    if not files:
        raise CallError(f"{source} holds no files. Name a folder of DICOM files.")
    if not any(is_dicom_file(path) or not may_be_read(path) for path in files):
        raise CallError(
            f"None of the {count_of(len(files), 'file')} in {source} is a DICOM file. Name a folder of them."
        )
    return files


def _each(
    files: list[Path], source: Path, target: Path, how: How, listener: Listener
) -> Iterator[dict[str, Any]]:
    for number, path in enumerate(files, 1):
        yield {"source": str(path.relative_to(source) if source.is_dir() else path), **_one(path, target, how)}
        listener(Progress("de-identifying", number, len(files), unit="files"))


def _one(path: Path, target: Path, how: How) -> dict[str, Any]:
    if may_be_read(path) and not is_dicom_file(path):
        return {"status": SKIPPED, "reason": "it is not a DICOM file"}
    try:
        done = deidentified(path, how)
        _write(done, target / done.path)
    except DataError as error:
        return {"status": NOT_WRITTEN, "reason": str(error)}
    return {"status": WRITTEN, "output": done.path.as_posix(), **_what(done)}


def _write(done: Deidentified, path: Path) -> None:
    if path.exists():
        raise DataError(
            f"{path} exists already, and stays as it is. Name an empty folder, or leave this file out."
        )
    make_folder(path.parent)
    with storage_errors(path), partial_file(path) as partial:
        partial.write_bytes(done.content)


def _what(done: Deidentified) -> dict[str, Any]:
    changes: dict[str, list[str]] = {}
    for (attribute, what), times in sorted(done.changes.items()):
        changes.setdefault(what, []).append(attribute if times == 1 else f"{attribute} ({times} times)")
    signs = {
        "stated": done.signs.is_stated,
        "likely_by_kind": done.signs.is_likely,
        "words_read": done.signs.n_words,
    }
    return {"changes": changes, "text_in_pixels": signs}


def _facts(
    listed: list[dict[str, Any]], how: How, *, source: Path, target: Path, report: Path
) -> dict[str, Any]:
    numbers = {
        status: sum(one["status"] == status for one in listed) for status in (WRITTEN, NOT_WRITTEN, SKIPPED)
    }
    return {
        "source": str(source),
        "target": str(target),
        "report": str(report),
        "profile": SOURCE,
        "dates": "shifted" if how.moves_dates else "removed",
        "looked_for_text": how.reads_text,
        **{status.replace(" ", "_"): number for status, number in numbers.items()},
        "not_done": list(NOT_DONE),
        "files": listed,
    }


def _print(facts: Mapping[str, Any]) -> None:
    say = spoken()
    told = {"n": count(facts["written"]), "folder": facts["target"], "profile": facts["profile"]}
    print_line(say("{folder}: {n} file(s|) de-identified by {profile}", **told))
    changes: dict[str, set[str]] = {}
    for one in facts["files"]:
        for what, names in one.get("changes", {}).items():
            changes.setdefault(what, set()).update(name.partition(" (")[0] for name in names)
    for what, names in changes.items():
        print_line(say("{what}: {n} attribute(s|)", what=say.translated(what), n=len(names)))
    left = [one for one in facts["files"] if one["status"] == NOT_WRITTEN]
    for one in left[:MOST_SHOWN]:
        print_line(say("! not written: {reason}", reason=say.translated(one["reason"])))
    if len(left) > MOST_SHOWN:
        print_line(say("… and {n} more", n=count(len(left) - MOST_SHOWN)))
    if facts["skipped"]:
        print_line(say("skipped, not DICOM: {n} file(s|)", n=count(facts["skipped"])))
    if not facts["looked_for_text"]:
        print_line(say("! nobody looked for text in the pixels: tesseract is missing, or --no-ocr was given"))
    for line in facts["not_done"]:
        print_line(f"· {say.translated(line)}")
    print_line(
        say("what was done to each file: {report} (keep it with the files of IN)", report=facts["report"])
    )
