"""Write a dossier: gather what is known of a bundle, and leave one page and the same facts as JSON in a folder."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from metier.assurance.behaviour.testing import examine_behaviour
from metier.assurance.dossier.sections import (
    FORMATS,
    OF_BUNDLES,
    Evidence,
    Section,
    sections_of,
    tested_sections,
)
from metier.assurance.dossier.stated import Stated, read_stated
from metier.assurance.fairness.testing import examine_fairness
from metier.bundles import Bundle, load_bundle
from metier.data.output_files import check_output, make_folder, write_text
from metier.errors import CallError, quoted
from metier.given_files import FileFaultError, given_json
from metier.printable import printable_json
from metier.progress import Listener, ignore
from metier.report.dossier_page import render_dossier
from metier.runs.run_folder import RunFolder

FORMAT = "metier.dossier.v1"
PAGE, FACTS = "dossier.html", "dossier.json"


@dataclass(frozen=True)
class Dossier:
    """What is known of a bundle.

    Parameters
    ----------
    bundle : Bundle
    sections : tuple of Section
    facts : mapping
        The same as plain values.
    """

    bundle: Bundle
    sections: tuple[Section, ...]
    facts: Mapping[str, Any]

    @property
    def not_stated(self) -> tuple[tuple[str, str], ...]:
        """The names of what is not stated, each with how to state it."""
        return tuple((one.name, one.how) for part in self.sections for one in part.entries if one.value is None)


def gather(
    bundle: str | Path,
    *,
    stated: str | Path | None = None,
    evidence: Sequence[str | Path] = (),
    rows: Any = None,
    threads: int = 1,
    listener: Listener = ignore,
) -> Dossier:
    """Gather what is known of a bundle.

    Parameters
    ----------
    bundle : path
        A bundle or a run (its recommended candidate).
    stated : path, optional
        What the owner states (YAML).
    evidence : sequence of path
        What `metier test --output` wrote, a suite a file.
    rows : path, optional
        Rows that behaviour and fairness are tested on now.

    Raises
    ------
    CallError
        If a file is none, or is of another model.
    """
    words = read_stated(stated)
    model = load_bundle(bundle, threads=threads)
    tested = _tested(evidence, model)
    if rows is not None:
        behaviour = examine_behaviour(model, rows, listener=listener).as_dict()
        fairness = examine_fairness(model, rows, listener=listener).as_dict()
        tested |= {one["format"]: one for one in (behaviour, fairness)}
    run = RunFolder(model.folder.parent.parent).read_json("data.json") or {}
    sections = sections_of(Evidence(model, run, tested, words))
    facts = {
        "format": FORMAT,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "bundle": model.name,
        "stated": words.model_dump(),
        "sections": [one.as_dict() for one in sections],
        "manifest": model.manifest.model_dump(mode="json"),
        "tested": tested,
    }
    return Dossier(model, sections, facts)


def prepare_folder(folder: Path, *, overwrite: bool = False) -> None:
    """Make the folder of a dossier, before any work.

    Raises
    ------
    CallError
        If a dossier is there already, or the folder cannot be made.
    """
    make_folder(folder)
    for name in (PAGE, FACTS):
        check_output(folder / name, overwrite=overwrite)


def write_dossier(found: Dossier, folder: Path, *, language: str = "en") -> tuple[Path, Path]:
    """Write the page and the facts into a folder that `prepare_folder` made; gives both files."""
    page, facts = folder / PAGE, folder / FACTS
    write_text(page, render_dossier(found.facts, language=language))
    write_text(facts, printable_json(found.facts, indent=1) + "\n")
    return page, facts


def _tested(files: Sequence[str | Path], model: Bundle) -> dict[str, Mapping[str, Any]]:
    tested = {}
    for path in files:
        found = _evidence(path)
        if found["format"] in tested:
            raise CallError(
                f"{path} is of the form {found['format']}, which another file is too. Give one of them."
            )
        if found["format"] in OF_BUNDLES and found.get("bundle") != model.name:
            raise CallError(
                f"{path} was found of {quoted(found.get('bundle'))}, and the dossier is of {model.name}. Test this model "
                "again."
            )
        tested[found["format"]] = found
        _check_whole(path, Evidence(model, {}, {found["format"]: found}, Stated()))
    return tested


def _evidence(path: str | Path) -> Mapping[str, Any]:
    """Read what a suite of `metier test` wrote."""
    try:
        found = given_json(path)
    except FileNotFoundError:
        raise CallError(f"There is no evidence {path}. Give what metier test --output wrote.") from None
    except FileFaultError as error:
        raise CallError(
            f"{path} cannot be read as evidence ({error}). Give what metier test --output wrote."
        ) from None
    form = found.get("format") if isinstance(found, Mapping) else None
    if form not in FORMATS:
        raise CallError(
            f"{path} is of the form {quoted(form)}, and no evidence. Give what metier test --output wrote."
        )
    return found  # type: ignore[no-any-return]


def _check_whole(path: str | Path, evidence: Evidence) -> None:
    """Refuse evidence of which a part is missing or another than the suite writes."""
    try:
        tested_sections(evidence)
    except (AttributeError, LookupError, TypeError, ValueError):
        raise CallError(f"{path} is not whole as evidence. Write it again with: metier test --output") from None
