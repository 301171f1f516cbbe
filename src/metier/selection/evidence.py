"""What the report shows beside figures where rows have images: small copies of them, and what answers rest on."""

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from metier.errors import MetierError
from metier.explanation import explain
from metier.image.picture import Picture
from metier.image.thumbnails import thumbnail_or_none
from metier.predictors.loading import load_predictor
from metier.selection.answer_facts import words_of
from metier.tasks.inputs import IMAGE
from metier.tasks.task import Task

MOST_ROWS = 5  # That are explained, the most confident mistakes first.
MOST_MISTAKES = 3
MOST_SECONDS = 12.0  # No row is begun later.
BUDGET_FRACTION = 0.04  # Of the budget of the run, at most.


def picture_of(item: Any) -> Picture | None:
    """Give the images of a question; None where it has none."""
    held = item.get("image") if isinstance(item, Mapping) else None
    return None if held is None else IMAGE.read([held])[0]


def with_pictures(detail: Mapping[str, Any], items: Sequence[Any]) -> dict[str, Any]:
    """Give the details of answers with a small copy of the image of each row that is listed."""
    listed = {name: detail[name] for name in ("mistakes", "worst") if detail.get(name)}
    return {**detail, **{name: [_with_picture(row, items) for row in rows] for name, rows in listed.items()}}


def _with_picture(row: Mapping[str, Any], items: Sequence[Any]) -> dict[str, Any]:
    item = items[row["row"] - 1]
    if not isinstance(item, Mapping) or "image" not in item:
        return dict(row)
    small = thumbnail_or_none(picture_of(item))
    name = "" if small is None else small.name
    said = {"text": item.get("text") or name or row["text"]} if "text" in row else {}
    return {**row, **said, "picture": None if small is None else small.as_dict()}


def evidence_of(
    folder: Path,
    task: Task,
    items: Sequence[Any],
    targets: Sequence[Any],
    detail: Mapping[str, Any],
    *,
    budget_seconds: float | None,
    threads: int,
) -> list[dict[str, Any]]:
    """Explain some answers of the recommended candidate to the test rows, where rows have images.

    Parameters
    ----------
    folder : Path
        The candidate's.
    detail : mapping
        What `detail_of` found.
    budget_seconds : float, optional
        Of the run; None: it has no limit.

    Returns
    -------
    list of dict
        `row`, `truth`, and what `Explanation.as_dict` has; empty where nothing can be explained.
    """
    rows = _rows_to_explain(items, detail)
    if not rows:
        return []
    most = MOST_SECONDS if budget_seconds is None else min(MOST_SECONDS, BUDGET_FRACTION * budget_seconds)
    began, predictor, found = time.monotonic(), load_predictor(folder, threads=threads), []
    for row in rows:
        if time.monotonic() - began > most:
            break
        try:
            explained = explain(predictor.predict, task.input, items[row], folder=folder)
        except MetierError:  # Of a kind that cannot be explained, or an image that was removed meanwhile.
            continue
        name = words_of(items[row])
        truth = task.shown(targets[row]) or _plain(targets[row])
        found.append({"row": row + 1, "truth": truth, "name": name, **explained.as_dict()})
    return found


def _plain(target: Any) -> str:
    return ", ".join(map(str, target)) if isinstance(target, list | tuple) else str(target)


def _rows_to_explain(items: Sequence[Any], detail: Mapping[str, Any]) -> list[int]:
    """Give the rows with an image: the worst answers, then others from the first on."""
    wrong = [one["row"] - 1 for one in (detail.get("mistakes") or detail.get("worst") or ())]
    wrong = [row for row in wrong if picture_of(items[row]) is not None]
    others = (row for row in range(len(items)) if row not in set(wrong) and picture_of(items[row]) is not None)
    chosen = wrong[:MOST_MISTAKES]
    return chosen + [row for _, row in zip(range(MOST_ROWS - len(chosen)), others, strict=False)]
