"""Test the fairness of a bundle: groups that are named in the texts, and groups that a column of the rows names."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from metier.assurance.fairness.group_thresholds import GroupThresholds, group_thresholds
from metier.assurance.fairness.groups import ColumnParity, column_parity
from metier.assurance.fairness.substitution import IdentityResult, identity_results
from metier.bundles import Model, load_model
from metier.data import read
from metier.data.trained_columns import with_columns
from metier.errors import CallError
from metier.progress import Listener, ignore
from metier.selection.labelled_rows import labelled_rows
from metier.text.identity_terms import IdentityTerms, read_identity_terms

FORMAT = "metier.fairness.v1"


@dataclass(frozen=True)
class Fairness:
    """What the tests found.

    Parameters
    ----------
    bundle : Model
    identity : tuple of IdentityResult
        By the kind of groups.
    columns : tuple of ColumnParity
    terms : tuple of IdentityTerms
        The words that were looked for.
    origin : str
        Where the rows came from.
    n_rows : int
    thresholds : GroupThresholds or None
        What a threshold for each group would do, where that is asked for.
    """

    bundle: Model
    identity: tuple[IdentityResult, ...]
    columns: tuple[ColumnParity, ...]
    terms: tuple[IdentityTerms, ...]
    origin: str
    n_rows: int
    thresholds: GroupThresholds | None = None

    def as_dict(self) -> dict[str, Any]:
        """Give it as plain values, for JSON, with the words and every case."""
        return {
            "format": FORMAT,
            "created": datetime.now(UTC).isoformat(timespec="seconds"),
            "bundle": self.bundle.name,
            "rows": self.origin,
            "n_rows": self.n_rows,
            "identity": [one.as_dict() for one in self.identity],
            "columns": [one.as_dict() for one in self.columns],
            "group_thresholds": None if self.thresholds is None else self.thresholds.as_dict(),
            "words": {one.name: list(one.words) for one in self.terms},
        }


def examine_fairness(
    bundle: Model | str | Path,
    rows: Any,
    *,
    group_by: Sequence[str] = (),
    labels: Sequence[str] = (),
    group_threshold_label: str | None = None,
    identity_terms: str | Path | None = None,
    threads: int = 1,
    random_state: int = 0,
    listener: Listener = ignore,
    **how: Any,
) -> Fairness:
    """Test how a bundle answers groups of people.

    Parameters
    ----------
    bundle : path or Model
    rows : path, Rows, DataFrame, Arrow table or list
        Labels are needed for `group_by` alone.
    group_by : sequence of str
        Columns that name the group of each row.
    labels : sequence of str
        Of `group_by`, the labels to compare one by one; none: all, of 20 at most.
    group_threshold_label : str, optional
        A label that would be answered from another threshold on in each group of the one column.
    identity_terms : path, optional
        A table of words (YAML) in the place of our own.
    **how
        As in `metier.read`.

    Raises
    ------
    CallError
        If questions have no text to edit, or the rows have no such column.
    """
    model = load_model(bundle, threads=threads) if isinstance(bundle, str | Path) else bundle
    terms = read_identity_terms(identity_terms)
    columns: list[ColumnParity] = []
    thresholds = None
    if group_threshold_label is not None and len(group_by) != 1:
        raise CallError("Thresholds of groups are of one column. Name it with --group-by COLUMN.")
    if group_by:
        labelled = labelled_rows(model, rows, listener=listener, **how)
        answered = labelled.answered(model, listener=listener)[0]
        columns = [column_parity(labelled, answered.predicted, column, labels=labels) for column in group_by]
        if group_threshold_label is not None:
            thresholds = group_thresholds(
                labelled, answered, group_by[0], group_threshold_label, random_state=random_state
            )
        given = labelled.rows
    else:
        given = with_columns(model.roles, lambda **roles: read(rows, **roles), **how)
    items = model.input_kind.from_rows(given)
    identity = identity_results(model, items, terms, random_state=random_state, listener=listener)
    return Fairness(model, tuple(identity), tuple(columns), terms, given.origin, len(given), thresholds)
