"""What `metier train` prints of seeds and learning curves, a line a candidate."""

from typing import Any

from metier.evaluation.metric_names import metric_name


def seed_lines(report: dict[str, Any]) -> list[str]:
    """The spread of each candidate over its seeds, and what did not fit."""
    study, metric = report.get("seeds"), report["primary_metric"]
    if study is None:
        return []
    is_fraction = report["metrics"][metric]["is_fraction"]
    factor, digits, unit = (100, 2, " %") if is_fraction else (1, 4, "")
    lines = []
    for one in study["candidates"]:
        scores = [
            f"{split} {metric_name(metric)} {spread['mean'] * factor:.{digits}f} ± {spread['sd'] * factor:.{digits}f}"
            f"{unit} ({spread['min'] * factor:.{digits}f} to {spread['max'] * factor:.{digits}f})"
            for split, spread in ((split, one[split][metric]) for split in ("test", "validation"))
        ]
        lines.append(f"seeds  {one['name']}, {len(one['seeds'])} seeds: {'; '.join(scores)}")
    return lines + [f"seeds  {note}" for note in study["notes"]]


def curve_lines(report: dict[str, Any]) -> list[str]:
    """What twice the labels would bring each candidate, or why that cannot be estimated."""
    study = report.get("learning_curve")
    if study is None:
        return []
    return [f"curve  {line}" for line in (*(one["sentence"] for one in study["candidates"]), *study["notes"])]
