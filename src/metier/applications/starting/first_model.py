"""A first model without labelled rows: each text gets the label whose descriptions are nearest."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from metier import catalogue
from metier.applications.starting.proposal import Proposal
from metier.applications.starting.templates import task_template
from metier.bases.base import Base
from metier.bases.known_bases import resolve_base
from metier.bundles import ManifestFacts, load_bundle, seal, write_card
from metier.bundles.manifest import DataFacts, PredictorFacts, TaskFacts
from metier.data.rows import Rows
from metier.predictors.loading import read_settings
from metier.progress import Listener, ignore
from metier.selection.report_facts import versions
from metier.storage import write_whole
from metier.tasks.answers import LABEL
from metier.text.language import LanguageMix, detect_language

METHOD = "zero_shot.v1"
MOST_ROWS = 4_000  # Whose mean is subtracted, and that are answered first.
NOTICEABLE = 0.05  # Share of Chinese texts from which on a base must read Chinese.


@dataclass(frozen=True)
class FirstModel:
    """A sealed zero-shot model, and what it says of the rows.

    Parameters
    ----------
    folder : Path
    labels : list of str
        Of the first rows, `MOST_ROWS` at most.
    probabilities : ndarray of shape (n_rows,)
        Of those labels, 0 to 1; they were not calibrated, as no row has a label.
    """

    folder: Path
    labels: list[str]
    probabilities: np.ndarray

    @property
    def counts(self) -> dict[str, int]:
        """How many rows each label got."""
        return {label: self.labels.count(label) for label in dict.fromkeys(self.labels)}


def can_answer(proposal: Proposal) -> bool:
    """Whether label descriptions alone make a model: one label for one text."""
    return task_template(proposal.task).from_descriptions


def first_model(
    proposal: Proposal, rows: Rows, folder: Path, *, base: str = "auto", listener: Listener = ignore
) -> FirstModel:
    """Make, seal and ask a zero-shot model.

    Parameters
    ----------
    rows : Rows
        Without labels; their mean embedding is subtracted.
    folder : Path
        Of the bundle, written whole or not at all.
    base : str
        Pretrained model; auto: by the language of the rows.

    Raises
    ------
    BaseModelError
        If the base cannot be found.
    """
    texts = list(rows.texts)[:MOST_ROWS]
    mix = detect_language(texts)
    method = catalogue.resolve(METHOD)(descriptions=proposal.descriptions, base=base_for(base, proposal, mix))
    method.fit(texts, None, listener=listener)
    with write_whole(folder) as partial:
        method.export(partial)
        facts = _facts(proposal.task, rows, method, mix, partial)
        write_card(partial, facts)
        seal(partial, facts)
    answers: Any = load_bundle(folder).predict(texts)
    labels = [answers.labels[place] for place in answers.best.tolist()]
    return FirstModel(folder, labels, answers.probabilities.max(axis=1))


def base_for(name: str, proposal: Proposal, mix: LanguageMix) -> str | Base:
    """Give a base that reads every language that is asked for or found."""
    has_chinese = "zh" in proposal.languages or mix.shares.get("zh", 0) > NOTICEABLE
    return resolve_base(name, language="zh") if name == "auto" and has_chinese else name


def _facts(task: str, rows: Rows, method: Any, mix: LanguageMix, partial: Path) -> ManifestFacts:
    settings = read_settings(partial)
    return ManifestFacts(
        name=METHOD,
        task=TaskFacts(name=task, answer=LABEL.name, labels=tuple(settings["labels"])),
        method=METHOD,
        predictor=PredictorFacts(kind=settings["kind"], name=settings["name"]),
        base={"name": method.base_.name},
        data=DataFacts(
            fingerprint=rows.fingerprint,
            origin=rows.origin,
            rows={"train": 0},
            trained_on="label descriptions; no labelled rows",
            roles={"text": rows.roles.text},
            language=mix.main_language,
            language_shares=mix.shares,
        ),
        packages=versions(),
    )
