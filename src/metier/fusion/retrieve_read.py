"""Retrieve, then read: how many windows of a passage the reader has to read, chosen on validation, and the export of both.

A reader is asked once about every window of the rows; what it would have answered from only the best n of them by
BM25 follows without asking again.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from metier.errors import DataError
from metier.evaluation.answer_measures import answer_f1
from metier.features.passage_windows import Window
from metier.fusion.candidates import Candidates
from metier.fusion.composition import place_member
from metier.fusion.ensemble import Chosen, Ensemble, FunctionRecipe
from metier.machine import describe_machine
from metier.predictors.composite.retrieve_read import KIND, WindowRanker
from metier.predictors.loading import load_predictor, write_settings
from metier.tasks.answers.answer_threshold import Reading
from metier.tasks.inputs.question import Question, as_questions

# One-sided, 5 %: a mean difference this many standard errors from zero is shown.
SHOWN_ERRORS = 1.645
LARGEST_LOSS = 0.01  # Of F1, measured: few rows show nothing, and must not buy speed with answers.


@dataclass(frozen=True)
class RetrieveReadFit:
    """How many windows are read, and what that was measured to cost and to save.

    Parameters
    ----------
    n_windows : int
        Windows read for a question.
    rows : int
        Questions that this was chosen on.
    f1, f1_of_all : float
        Of answers from these windows, and from all, 0 to 1.
    read_fraction : float
        Share of the rows' windows that are read, 0 to 1.
    most_windows : int
        Of one passage among the rows. The choice says nothing of passages that are much longer.
    tried : dict of str to float
        F1 by number of windows.
    """

    n_windows: int
    rows: int
    f1: float
    f1_of_all: float
    read_fraction: float
    most_windows: int
    tried: dict[str, float]


def fit_retrieve_read(reader_folder: Path, items: Sequence[Any], truth: Sequence[Any]) -> RetrieveReadFit:
    """Choose the smallest number of windows that is not shown to be worse than reading them all.

    A number is taken if the paired test over the rows does not show a loss of F1 (one-sided, 5 %) and the measured
    loss is at most a point.

    Parameters
    ----------
    reader_folder : Path
        Where a method that reads passages in windows was exported to.
    items, truth : sequence
        Validation questions, on passages as long as those in service, and their lists of answers.
    """
    reader = load_predictor(reader_folder, threads=describe_machine().cores)
    questions = as_questions(items)
    if len(questions) != len(truth):
        raise DataError(f"Expected answers for each question, found {len(questions)} and {len(truth)}.")
    ranked = _ranked_readings(reader, questions)
    most = max(map(len, ranked))
    scores = {n: _f1_of_best(reader, ranked, questions, truth, most=n) for n in _numbers(most)}
    everything = scores[most]
    chosen = next(n for n, found in scores.items() if n == most or not _is_worse(found, everything))
    return RetrieveReadFit(
        n_windows=chosen,
        rows=len(questions),
        f1=float(scores[chosen].mean()),
        f1_of_all=float(everything.mean()),
        read_fraction=sum(min(len(some), chosen) for some in ranked) / sum(map(len, ranked)),
        most_windows=most,
        tried={str(n): float(found.mean()) for n, found in scores.items()},
    )


def export_retrieve_read(fit: RetrieveReadFit, reader_folder: Path, folder: Path, *, name: str) -> None:
    """Put an exported reader and the number of windows together into a folder that `predictors.composite.retrieve_read` \
answers from.

    Parameters
    ----------
    folder : Path
        Made if need be.
    name : str
        Versioned name of the method.
    """
    folder.mkdir(parents=True, exist_ok=True)
    stage = place_member(reader_folder, folder, "stages/reader")
    settings = {"kind": KIND, "name": name, "labels": [], "n_windows": fit.n_windows, "stages": [stage]}
    write_settings(folder, {**settings, "fit": asdict(fit)})


def retrieve_read_ensemble(name: str) -> Ensemble[RetrieveReadFit]:
    """Retrieval of the best windows of a passage before the reader.

    BM25 ranks the windows of a passage by the question, and the reader reads the first of them. How many is chosen on
    validation: the smallest number that the paired test does not show to be worse than reading all, and that loses a
    point of F1 at most. Where no number below all of them will do, it is dropped with that reason.

    Pays where passages are long. The choice says nothing of passages much longer than those of the validation rows.
    """
    return Ensemble(name, FunctionRecipe(_choose, _restored, _export))


def _choose(candidates: Candidates) -> Chosen[RetrieveReadFit]:
    """Choose how many windows are read on the validation rows; of several readers take the one trained longest."""
    readers = [one for one in candidates.combinable if candidates.capabilities(one.name).reads_windows]
    if not readers:
        return Chosen(why_dropped="it needs a candidate that reads passages in windows, and none was trained")
    reader = max(readers, key=lambda entry: entry.train_seconds).name
    fit = fit_retrieve_read(
        candidates.run.candidate(reader), candidates.validation_items, candidates.scores.targets
    )
    if fit.n_windows >= fit.most_windows:
        why = (
            f"reading fewer windows does not pay here: the longest of {fit.rows} passages has "
            f"{fit.most_windows}, and leaving any out costs F1"
        )
        return Chosen([reader], fit, why_dropped=why)
    return Chosen([reader], fit, facts={"n_windows": fit.n_windows, "read_fraction": fit.read_fraction})


def _restored(stored: Mapping[str, Any]) -> RetrieveReadFit:
    return RetrieveReadFit(**stored)


def _export(fit: RetrieveReadFit, folders: Sequence[Path], folder: Path, /, *, name: str) -> None:
    [reader] = folders
    export_retrieve_read(fit, reader, folder, name=name)


def _ranked_readings(reader: Any, questions: Sequence[Question]) -> list[list[Reading]]:
    """Read every window of every question; give the readings of each question by rank of retrieval."""
    windows: list[list[Window]] = [[] for _ in questions]
    readings: list[list[Reading]] = [[] for _ in questions]
    for window, reading in reader.logits.reader.scan(questions):
        windows[window.row].append(window)
        readings[window.row].append(reading)
    ranker = WindowRanker()
    return [
        [read[at] for at in ranker.order(question, some)]
        for question, some, read in zip(questions, windows, readings, strict=True)
    ]


def _numbers(most: int) -> list[int]:
    """1, 2, 3, 4, 6, 8, 12, 16, … and the number of all."""
    steps = [1, 2, 3, *(base * 2**power for power in range(1, 20) for base in (2, 3))]
    return [*(n for n in sorted(set(steps)) if n < most), most]


def _f1_of_best(
    reader: Any, ranked: list[list[Reading]], questions: Sequence[Question], truth: Sequence[Any], *, most: int
) -> np.ndarray:
    best = [max(some[:most], key=lambda reading: reading.margin) for some in ranked]
    answers = reader.logits.reader.judge(best, questions, name=reader.name)
    return np.array([answer_f1(true, text) for true, text in zip(truth, answers.predicted, strict=True)])


def _is_worse(found: np.ndarray, everything: np.ndarray) -> bool:
    losses = everything - found
    error = losses.std() / np.sqrt(len(losses))
    return bool(losses.mean() > LARGEST_LOSS or losses.mean() > SHOWN_ERRORS * max(error, 1e-12))
