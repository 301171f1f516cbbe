"""Compare answers of several models to the same rows: which is better, are they the same, or can the rows not tell.

The story: the rows and their truth are found, every side gives its answers to them (stored, asked, or read from a file),
and pairs are compared in the metric that ranks. Two are compared with each other; of more than two each with the first
(p-values by Holm's step-down) or with the best (max-T over all pairs, since the best was chosen by the same rows).
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from metier.arguments import check_share, check_texts, check_whole
from metier.assurance.answer_file import AnswerFile
from metier.assurance.compared import COSTS, Source, check_same_task, open_sources
from metier.assurance.conclusion import conclude
from metier.assurance.judged_rows import Judged, judged_rows, read_answers, with_labels_of
from metier.assurance.pair_details import Answered, flips, folds, mcnemar, slices
from metier.assurance.row_matching import WAYS, check_matched, match_rows
from metier.bundles import Model
from metier.data import Rows
from metier.errors import EmptyDataError, MissingColumnError, UnknownNameError
from metier.evaluation import describe_metric, higher_is_better
from metier.evaluation.comparison import A_IS_BETTER, B_IS_BETTER, Comparison, decide
from metier.evaluation.many_comparisons import holm
from metier.figures import count_of
from metier.progress import Listener, ignore
from metier.runs.run_folder import plain
from metier.runs.stored_answers import StoredAnswers
from metier.selection.labelled_rows import answers_of_model
from metier.selection.scores import Scores, scores_of, sources_of

FORMAT = "metier.comparison.v1"
FIRST, BEST = "first", "best"
TOLERANCE = 0.01
MOST_DETAILED = 4  # Pairs whose flips, parts and folds are looked at; of more only who is better is asked.
MOST_LISTED = 200  # Flips of each direction that are kept of a pair, unless all are asked for.


@dataclass(frozen=True)
class Asked:
    """What is wanted of a comparison; the fields are arguments of `compare`.

    Parameters
    ----------
    most : int or None
        Flips of each direction that are listed; None: all.
    """

    metric: str
    against: str
    tolerance: float
    by: str | None
    most: int | None
    random_state: int


@dataclass(frozen=True)
class Side:
    """One side's answers to the judged rows.

    Parameters
    ----------
    source : Source
    answers : StoredAnswers
    how : {"stored", "asked", "file"}
    has : ndarray of bool of shape (n_rows,)
        Which rows it has answered; where one is not, its answer is that of another row and does not count.
    """

    source: Source
    answers: StoredAnswers
    how: str
    has: np.ndarray


@dataclass(frozen=True)
class AnswerComparison:
    """What a comparison found.

    Parameters
    ----------
    facts : dict
        `sides`, each with `metrics` and their 95 % intervals; `comparisons` of pairs, each with `outcome`, `difference`
        (a minus b) with `low`, `high` and `p_value`, `mcnemar`, the bounds of equivalence, `more_rows`, `flips`, `slices`
        and `folds`; `notes`.
    """

    facts: dict[str, Any]

    @property
    def outcomes(self) -> list[tuple[str, str, str]]:
        """For each pair the names of a and b, and the outcome."""
        return [(one["a"], one["b"], one["outcome"]) for one in self.facts["comparisons"]]

    @property
    def is_worse(self) -> bool:
        """Whether one of the others is shown to be worse than the first, which is the one in use."""
        first = self.facts["sides"][0]["name"]
        return any(
            (one["a"] == first and one["outcome"] == A_IS_BETTER)
            or (one["b"] == first and one["outcome"] == B_IS_BETTER)
            for one in self.facts["comparisons"]
        )

    def __repr__(self) -> str:
        listed = "; ".join(f"{a}, {b}: {outcome}" for a, b, outcome in self.outcomes)
        return f"<AnswerComparison on {count_of(self.facts['rows'], 'row')}: {listed}>"


def compare(
    given: Sequence[Model | str | Path],
    *,
    truth: Any = None,
    task: str | None = None,
    metric: str | None = None,
    against: str = FIRST,
    tolerance: float = TOLERANCE,
    by: str | None = None,
    common: bool = False,
    match: str | None = None,
    id_column: str | None = None,
    prediction: str | None = None,
    all_flips: bool = False,
    threads: int = 1,
    random_state: int = 0,
    listener: Listener = ignore,
    **how: Any,
) -> AnswerComparison:
    """Compare the answers of two or more models to the same rows.

    Parameters
    ----------
    given : sequence of Model, str or Path
        Runs (their recommended candidates), bundles or candidates of a run, models from elsewhere (`metier.adapt`, or a
        folder in Hugging Face layout), and files of answers: CSV, TSV, JSON lines, Parquet or Excel.
    truth : path, Rows, DataFrame, Arrow table or list, optional
        Labelled rows; what `metier.read` takes. None: the test rows that runs kept the answers to, or the labels that stand
        in a file beside its answers.
    task : str, optional
        What is predicted, where only files are compared; None: inferred from the columns of truth.
    metric : str, optional
        What pairs are compared in; None: the metric that ranks.
    against : {"first", "best"}
        Of more than two: whether each is compared with the first, or with the best.
    tolerance : float, default=0.01
        How large a difference is none: of a fraction a fraction, of another metric a share of the second's value.
    by : str, optional
        A column; the rows of its values are compared apart.
    common : bool, default=False
        Whether rows that not all have answered are left out instead of being an error.
    match : {"id", "text", "position"}, optional
        How rows of files are found; None: by a column of ids, else by the text, else by their position.
    id_column, prediction : str, optional
        The column of ids, and that of the answers, in files.
    all_flips : bool, default=False
        Whether every row that one answers better is listed, or the first 200 of each direction.
    **how
        As in `metier.read`: columns by their role, `encoding`, `delimiter`, `header`, `separator`.

    Raises
    ------
    CallError
        If fewer than two are given, they are of different tasks, or truth is missing.
    DataError
        If a file cannot be read, or answers other rows.
    """
    _check_arguments(against, match, tolerance)
    check_texts(task=task, metric=metric, by=by, id_column=id_column, prediction=prediction)
    check_whole(random_state, "random_state")
    sources = open_sources(given, threads=threads)
    judged = judged_rows(sources, check_same_task(sources), truth, task=task, how=how)
    if by is not None and (judged.rows is None or by not in judged.rows.table.column_names):
        found = [] if judged.rows is None else judged.rows.table.column_names
        raise MissingColumnError(by, found=found, origin=judged.origin, flag="--by")
    reading = {name: how.get(name) for name in ("encoding", "delimiter", "header")}
    files = {one.name: read_answers(one, judged, prediction, reading) for one in sources if one.file}
    judged = with_labels_of(judged, sources, files)
    matching = {"way": match, "id_column": id_column, "common": common}
    answered = [_side(one, judged, files.get(one.name), matching, listener) for one in sources]
    notes = [note for _, said in answered for note in said]
    sides, judged, dropped = _in_common([side for side, _ in answered], judged)
    scores = Scores(
        judged.task,
        judged.targets,
        origin=judged.origin,
        groups=judged.groups,
        sources=None if judged.rows is None else sources_of(judged.task, judged.rows),
    )
    shown = [_side_facts(one, scores, is_whole=not dropped, random_state=random_state) for one in sides]
    asked = Asked(
        _metric(scores, metric), against, tolerance, by, None if all_flips else MOST_LISTED, random_state
    )
    names = dict.fromkeys(name for side in shown for name in side["metrics"])
    facts = {
        "format": FORMAT,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "task": judged.task.name,
        "metric": asked.metric,
        "origin": judged.origin,
        "rows": len(judged.targets),
        "against": against,
        "tolerance": tolerance,
        "kinds": {name: describe_metric(name) for name in names if _has_kind(name)},
        "sides": shown,
        "comparisons": _comparisons(sides, scores, judged.rows, asked),
        "notes": [*judged.notes, *notes, *dropped],
    }
    return AnswerComparison(plain(facts))


def _check_arguments(against: str, match: str | None, tolerance: float) -> None:
    if against not in (FIRST, BEST):
        raise UnknownNameError("way to compare", against, known=(FIRST, BEST))
    if match is not None and match not in WAYS:
        raise UnknownNameError("way to match rows", match, known=WAYS)
    check_share(tolerance, "tolerance")


def _has_kind(metric: str) -> bool:
    try:
        describe_metric(metric)
    except UnknownNameError:  # Log-loss and the calibration error are no measures of rows.
        return False
    return True


def _metric(scores: Scores, metric: str | None) -> str:
    if metric is None:
        return scores.task.primary_metric
    if metric not in scores.metrics:
        raise UnknownNameError("metric", metric, known=scores.metrics)
    higher_is_better(metric)
    return metric


def _side(
    source: Source,
    judged: Judged,
    file: AnswerFile | None,
    matching: Mapping[str, Any],
    listener: Listener,
) -> tuple[Side, list[str]]:
    """Give the answers of one side to the rows, and what is to be said of them."""
    n_rows = len(judged.targets)
    whole = np.ones(n_rows, dtype=bool)
    if file is not None:
        return _matched(source, judged, file, matching)
    if judged.fingerprint is not None and source.fingerprint == judged.fingerprint:
        stored = source.stored()
        if len(stored.predicted) == n_rows:
            return Side(source, stored, "stored", whole), []
    assert judged.rows is not None  # Only runs that kept the answers are compared without.
    asked, _ = answers_of_model(source.model, judged.task.items(judged.rows), judged.task.labels, listener)
    return Side(source, asked, "asked", whole), []


def _matched(
    source: Source, judged: Judged, file: AnswerFile, matching: Mapping[str, Any]
) -> tuple[Side, list[str]]:
    rows = judged.rows
    assert rows is not None  # `_judged` reads them where a file is compared.
    found = match_rows(
        rows, file.table, origin=file.origin, way=matching["way"], id_column=matching["id_column"]
    )
    if not matching["common"]:
        check_matched(found, rows, file.table, origin=file.origin)
    stored = file.stored(judged.task.labels)
    places = np.maximum(found.places, 0)
    answers = StoredAnswers(
        [stored.predicted[place] for place in places.tolist()],
        None if stored.probabilities is None else stored.probabilities[places],
        [],
    )
    return Side(source, answers, "file", found.places >= 0), [*file.notes, found.said(file.origin)]


def _in_common(sides: list[Side], judged: Judged) -> tuple[list[Side], Judged, list[str]]:
    """Leave out rows that not all have answered, and say how many."""
    has = np.all([side.has for side in sides], axis=0)
    if has.all():
        return sides, judged, []
    kept = np.flatnonzero(has)
    if not len(kept):
        raise EmptyDataError(
            "No row is answered by all. Compare answers to the same rows, or match them otherwise (--match, --id)."
        )
    some = [
        replace(
            side,
            has=has[kept],
            answers=StoredAnswers(
                [side.answers.predicted[row] for row in kept.tolist()],
                None if side.answers.probabilities is None else side.answers.probabilities[kept],
                [],
            ),
        )
        for side in sides
    ]
    note = (
        f"--common left out {count_of(len(has) - len(kept), 'row')} of {len(has):,} that not all have answered"
    )
    part = replace(
        judged,
        targets=[judged.targets[row] for row in kept.tolist()],
        groups=None if judged.groups is None else judged.groups[kept],
        rows=None if judged.rows is None else judged.rows.take(kept),
    )
    return some, part, [note]


def _side_facts(side: Side, scores: Scores, *, is_whole: bool, random_state: int) -> dict[str, Any]:
    source = side.source
    known = source.reported() if side.how == "stored" else None
    if known is not None and is_whole and known.get("test"):
        metrics = known["test"]
    else:
        metrics = scores_of(scores, side.answers, random_state=random_state)
    facts = {"name": source.name, "how": side.how, "candidate": source.candidate or None, "metrics": metrics}
    reported = source.reported()
    return facts if reported is None else facts | {name: reported.get(name) for name in COSTS}


def _comparisons(
    sides: Sequence[Side], scores: Scores, rows: Rows | None, asked: Asked
) -> list[dict[str, Any]]:
    answers = {side.source.name: side.answers.predicted for side in sides}
    sources = {side.source.name: side.source for side in sides}
    found = compared_pairs(
        scores, asked.metric, answers, against=asked.against, random_state=asked.random_state
    )
    facts = []
    is_close = len(found) <= MOST_DETAILED
    for (a, b), one in found.items():
        pair_answers = (answers[a], answers[b])
        concluded = conclude(scores, asked.metric, pair_answers, one, tolerance=asked.tolerance, exact=is_close)
        pair = Answered(scores, asked.metric, answers[a], answers[b], rows)
        own = {"a": a, "b": b, **asdict(one), **asdict(concluded), "mcnemar": mcnemar(pair)}
        facts.append(own | (_details(pair, [sources[a], sources[b]], asked) if is_close else {}))
    return facts


def _details(pair: Answered, sources: Sequence[Source], asked: Asked) -> dict[str, Any]:
    runs = [(source.run, source.candidate) for source in sources if source.run is not None]
    return {
        "flips": flips(pair, most=asked.most),
        "slices": slices(pair, by=asked.by, random_state=asked.random_state),
        "folds": folds(pair, runs, random_state=asked.random_state) if len(runs) == len(sources) else None,
    }


def compared_pairs(
    scores: Scores,
    metric: str,
    answers: Mapping[str, list[Any]],
    *,
    against: str,
    random_state: int = 0,
) -> dict[tuple[str, str], Comparison]:
    """Compare each set of answers with the first or with the best, p-values adjusted for how many there are.

    Parameters
    ----------
    answers : mapping of str to list
        What each answered, the first first.
    against : {"first", "best"}
        Two are compared with each other either way, the first or the best as a.

    Returns
    -------
    dict of (str, str) to Comparison
        By the names of a, the first or the best, and of b.
    """
    sign = 1.0 if higher_is_better(metric) else -1.0
    names = list(answers)
    if against == BEST:
        best = max(names, key=lambda name: sign * scores.measure(metric, answers[name]))
        pairs = [(best, name) for name in names if name != best]
        return dict(zip(pairs, scores.compare_pairs(metric, answers, pairs), strict=True))
    pairs = [(names[0], name) for name in names[1:]]
    found = [scores.compare(metric, answers[a], answers[b], random_state=random_state) for a, b in pairs]
    adjusted = holm([one.p_value for one in found])
    return {
        pair: replace(
            one,
            p_value=p_value,
            verdict=decide(sign * one.difference, one.low, one.high, p_value, level=0.95),
        )
        for pair, one, p_value in zip(pairs, found, adjusted, strict=True)
    }
