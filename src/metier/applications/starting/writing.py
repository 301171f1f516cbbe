"""The folder of a proposal: guide, settings, descriptions, and where rows were given a first model with its answers."""

import csv
import io
import json
from dataclasses import dataclass
from pathlib import Path

import yaml

from metier.applications.starting.first_model import MOST_ROWS, FirstModel, can_answer, first_model
from metier.applications.starting.guide import guide
from metier.applications.starting.proposal import Proposal
from metier.data.rows import Rows
from metier.progress import Listener, ignore
from metier.storage import write_text, write_whole

GUIDE, SETTINGS, DESCRIPTIONS = "guide.md", "settings.yaml", "descriptions.json"
MODEL, ANSWERS, LABELLED = "first-model", "first-answers.csv", "labelled.csv"
_ABOUT = "# Proposed from one sentence; every line may be changed. Then: metier train --settings {file}\n"


@dataclass(frozen=True)
class Written:
    """What stands in the folder.

    Parameters
    ----------
    folder : Path
    files : tuple of str
    model : FirstModel or None
        None: no rows were given, or the task is not one label for a text.
    """

    folder: Path
    files: tuple[str, ...]
    model: FirstModel | None


def write_proposal(
    proposal: Proposal,
    folder: Path,
    *,
    rows: Rows | None = None,
    base: str = "auto",
    listener: Listener = ignore,
) -> Written:
    """Write a proposal, whole or not at all.

    Parameters
    ----------
    folder : Path
        New, or empty.
    rows : Rows or None
        Without labels, for a first model.
    base : str
        Pretrained model of it.

    Raises
    ------
    StorageError
        If the folder cannot be written.
    BaseModelError
        If the base cannot be found.
    """
    model = None
    with write_whole(folder) as partial:
        write_text(partial / GUIDE, guide(proposal))
        write_text(partial / SETTINGS, _settings(proposal, folder, rows))
        if proposal.labels:
            write_text(
                partial / DESCRIPTIONS, json.dumps(proposal.descriptions, ensure_ascii=False, indent=1) + "\n"
            )
        if rows is not None and can_answer(proposal):
            model = first_model(proposal, rows, partial / MODEL, base=base, listener=listener)
            write_text(partial / ANSWERS, _answers(rows, model))
        files = tuple(sorted(one.name for one in partial.iterdir()))
    return Written(folder, files, model)


def _settings(proposal: Proposal, folder: Path, rows: Rows | None) -> str:
    text = None if rows is None else rows.roles.text
    values = proposal.settings(train=str(folder / LABELLED), text=text)
    return _ABOUT.format(file=folder / SETTINGS) + yaml.safe_dump(values, allow_unicode=True, sort_keys=False)


def _answers(rows: Rows, model: FirstModel) -> str:
    """Give the first rows with the labels of the first model, to be corrected: a table of text, label and probability."""
    out = io.StringIO()
    table = csv.writer(out, lineterminator="\n")
    table.writerow([rows.roles.text, "label", "probability"])
    answered = zip(list(rows.texts)[:MOST_ROWS], model.labels, model.probabilities.tolist(), strict=True)
    table.writerows([text, label, f"{probability:.4f}"] for text, label, probability in answered)
    return out.getvalue()
