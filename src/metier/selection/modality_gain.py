"""Whether the second modality pays: the best that reads texts alone, images alone and both, on the rows that have both.

Which candidate stands for each is chosen on the validation rows; the test rows then say what the other modality adds, by
the paired test and interval that decide between candidates everywhere. Nothing is said to add anything unless both show it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from metier.data.rows import Rows
from metier.evaluation import higher_is_better
from metier.evaluation.comparison import A_IS_BETTER, B_IS_BETTER
from metier.predictors.loading import load_predictor
from metier.runs.run_folder import Entry
from metier.runs.stored_answers import StoredAnswers, keep
from metier.selection.comparison import Comparison
from metier.selection.scores import Scores
from metier.tasks.inputs import TEXT_IMAGE

TEXT, IMAGE, JOINT = "text", "image", "joint"
BOTH = "both"  # Of a row are shown.
OTHER = {TEXT: IMAGE, IMAGE: TEXT}
FEWEST_ROWS = 20  # With a text and an image: fewer say nothing of either.
FEWEST_TO_CHOOSE = 5  # Validation rows of that sort, to choose which candidate stands for each.
MOST_DROPPED = 500  # Rows that are answered again without their text, and without their image.
ADDS, NOT_SHOWN, TAKES = "adds", "not shown", "takes"
VERDICTS = {A_IS_BETTER: ADDS, B_IS_BETTER: TAKES}


def modality_facts(
    comparison: Comparison, test: Rows, answers: Mapping[str, StoredAnswers]
) -> dict[str, Any] | None:
    """Give what each modality adds; None where rows have no images, or too few of them have a text and an image.

    Parameters
    ----------
    comparison : Comparison
        After everything was trained and measured.
    test : Rows
    answers : mapping of str to StoredAnswers
        What each candidate answered to the test rows.

    Returns
    -------
    dict or None
        `metric`; `rows` (with both), `rows_without_image`, `rows_without_text`; `best`, for `text`, `image` and `joint`
        the `name` of the candidate with its `figure` and cost; `gains` (see `gain_facts`); `dropped`, the joint
        candidate's figures on rows with both, with the text alone and with the image alone, on how many rows, and how much
        better it is with both than with each alone (`lost`).
    """
    if comparison.task.input is not TEXT_IMAGE:
        return None
    there = {name: has_parts(rows) for name, rows in (("validation", comparison.validation), ("test", test))}
    both = {name: np.flatnonzero(has_text & has_image) for name, (has_text, has_image) in there.items()}
    if len(both["test"]) < FEWEST_ROWS or len(both["validation"]) < FEWEST_TO_CHOOSE:
        return None
    metric, seed = comparison.task.primary_metric, comparison.settings.random_state
    best = best_of_each(comparison, both["validation"])
    judge = comparison.scores_on(test, origin="The test rows").part(both["test"])
    predicted = {reads: _at(answers[entry.name].predicted, both["test"]) for reads, entry in best.items()}
    has_text, has_image = there["test"]
    return {
        "metric": metric,
        "rows": len(both["test"]),
        "rows_without_image": int(np.sum(~has_image)),
        "rows_without_text": int(np.sum(~has_text)),
        "best": {
            reads: {
                "name": entry.name,
                "figure": asdict(judge.interval(metric, predicted[reads], random_state=seed)),
                "latency_ms": entry.cost["latency_ms"]["mean"],
                "size_bytes": entry.cost["size_bytes"],
            }
            for reads, entry in best.items()
        },
        "gains": gain_facts(judge, metric, predicted),
        "dropped": _dropped(comparison, best[JOINT], judge, test, both["test"]) if JOINT in best else None,
    }


def has_parts(rows: Rows) -> tuple[np.ndarray, np.ndarray]:
    """Give which rows have a text, and which an image, each bool of shape (n_rows,)."""
    has_image = np.array([bool(image) for image in rows.column("image")], dtype=bool)
    return np.array([bool(text.strip()) for text in rows.texts], dtype=bool), has_image


def reads_of(name: str, comparison: Comparison) -> str | None:
    """Give what a candidate reads: `text`, `image` or `joint`; None where nothing follows from what it gains."""
    stated = [comparison.capabilities(model) for model in sorted(comparison.models_of(name))]
    return what_reads(
        [JOINT if one.is_joint else IMAGE if one.sees else TEXT for one in stated if not one.is_baseline]
    )


def what_reads(each: Sequence[str]) -> str | None:
    """Give what a candidate reads by what each of its models does; one that is no ensemble has one model.

    Two models of texts gain by outvoting each other, and beside a model of images that would be taken for a gain from the
    images. So an ensemble stands for both modalities only where it has one model of each; None for others, and for a
    baseline, which reads nothing.
    """
    found = set(each)
    if found in ({TEXT}, {IMAGE}):
        return each[0]
    return JOINT if found and sorted(each) in ([JOINT], [IMAGE, TEXT]) else None


def best_of_each(comparison: Comparison, rows: np.ndarray) -> dict[str, Entry]:
    """Give the best candidate of those that read texts alone, images alone and both, on some validation rows."""
    judge, metric = comparison.scores.part(rows), comparison.task.primary_metric
    sign = 1.0 if higher_is_better(metric) else -1.0
    best: dict[str, tuple[float, Entry]] = {}
    for entry in comparison.trained:
        reads = reads_of(entry.name, comparison)
        if reads is None:
            continue
        answers = comparison.run.answers(entry.name, "validation").predicted
        score = sign * judge.measure(metric, _at(answers, rows))
        if reads not in best or score > best[reads][0]:
            best[reads] = score, entry
    return {reads: best[reads][1] for reads in (TEXT, IMAGE, JOINT) if reads in best}


def gain_facts(judge: Scores, metric: str, predicted: Mapping[str, Sequence[Any]]) -> list[dict[str, Any]]:
    """Give what each modality adds to the other: the joint answers against those by one modality.

    Parameters
    ----------
    judge : Scores
        Of rows with both.
    predicted : mapping of str to sequence
        By `text`, `image` and `joint`, what the best of each answered to these rows.

    Returns
    -------
    list of dict
        For each modality, where the other alone was tried: which one is added (`modality`), the comparison of the
        joint answers with those without it, and the `gain` (`adds`, `takes` or `not shown`).
    """
    alone = [reads for reads in (TEXT, IMAGE) if reads in predicted]
    if JOINT not in predicted or not alone:
        return []
    found = judge.compare_pairs(metric, predicted, [(JOINT, reads) for reads in alone])
    return [
        {"modality": OTHER[reads], "gain": VERDICTS.get(one.verdict, NOT_SHOWN), **asdict(one)}
        for reads, one in zip(alone, found, strict=True)
    ]


def _dropped(
    comparison: Comparison, entry: Entry, judge: Scores, test: Rows, rows: np.ndarray
) -> dict[str, Any] | None:
    """Let the joint candidate answer rows with both once without their image and once without their text.

    Where time is short fewer rows are answered, and none where it is over.
    """
    seconds = 2 * comparison.answering.seconds.get(entry.name, 0.0)
    most = min(
        MOST_DROPPED, int(max(0.0, comparison.clock.left_seconds) / seconds) if seconds else MOST_DROPPED
    )
    if most < min(FEWEST_ROWS, len(rows)):
        return None
    places = np.linspace(0, len(rows) - 1, min(most, len(rows))).astype(np.int64)
    items = comparison.task.items(test.take(rows[places]))
    predictor = load_predictor(comparison.run.candidate(entry.name), threads=comparison.settings.threads)
    part, metric = judge.part(places), comparison.task.primary_metric
    cases = {
        BOTH: items,
        TEXT: [{**item, IMAGE: None} for item in items],
        IMAGE: [{**item, TEXT: ""} for item in items],
    }
    seed = comparison.settings.random_state
    answers = {
        case: keep(predictor.predict(asked), comparison.task.labels).predicted for case, asked in cases.items()
    }
    lost = part.compare_pairs(metric, answers, [(BOTH, TEXT), (BOTH, IMAGE)])
    return {
        "name": entry.name,
        "rows": len(places),
        "figures": {
            case: asdict(part.interval(metric, one, random_state=seed)) for case, one in answers.items()
        },
        "lost": {case: asdict(one) for case, one in zip((TEXT, IMAGE), lost, strict=True)},
    }


def _at(answers: Sequence[Any], rows: np.ndarray) -> list[Any]:
    return [answers[int(row)] for row in rows]
