"""`metier label` by rules that mark spans: each with a probability, estimated from where rules agree."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pyarrow as pa

from metier.data import Rows, open_writer
from metier.data.weak_labels import NO_SPAN, SpanVotes, apply_span_rules, describe_votes


def labelled_spans(
    rules: Sequence[Any],
    rows: Rows,
    file: Path,
    out: Path | None,
    *,
    by_model: bool,
    least: float,
    overwrite: bool,
) -> dict[str, Any]:
    """Mark the texts of rows, write them where that is asked for, and give what is reported.

    Raises
    ------
    CallError
        If no rule marks anything.
    """
    voted = apply_span_rules(rules, list(rows.texts))
    probabilities, accuracies = voted.probabilities(by_model=by_model)
    spans = voted.spans(probabilities, n_rows=len(rows), least=least)
    known = rows.values("spans") if rows.roles.spans else None
    truth = None if known is None else voted.truth(known)
    if out is not None:
        with open_writer(out, overwrite=overwrite) as writer:
            writer.write(_marked_table(rows, spans))
    return {
        "file": str(file),
        **_counts(voted, spans, known),
        "rules": [asdict(one) for one in describe_votes(voted.votes, estimated=accuracies, truth=truth)],
        "notes": list(rows.notes),
        "out": str(out) if out else None,
        "flag": "",
    }


def _counts(voted: SpanVotes, spans: Sequence[Sequence[Any]], known: Any) -> dict[str, Any]:
    """Count the spans that were marked, and which of them are where the true ones are known."""
    labels = [one["label"] for own in spans for one in own]
    exact = [
        [one["start"], one["end"], one["label"]] in [list(span) for span in true]
        for own, true in zip(spans, known or [], strict=False)
        for one in own
    ]
    conflicts = ((voted.votes.counts() > 0).sum(axis=1) > 1).mean()
    return {
        "rows": len(spans),
        "labelled": sum(bool(own) for own in spans),
        "conflict_fraction": float(conflicts),
        "labels": {name: labels.count(name) for name in voted.votes.labels if name != NO_SPAN},
        "spans": len(labels),
        "accuracy": sum(exact) / len(exact) if exact else None,
    }


def _marked_table(rows: Rows, spans: list[list[dict[str, Any]]]) -> pa.Table:
    """Give the rows with a column of the spans that were found; true ones stay beside it."""
    name = "spans" if "spans" not in rows.table.column_names else "weak_spans"
    return rows.table.append_column(name, pa.array(spans))
