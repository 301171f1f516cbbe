"""Test the behaviour of a bundle on rows, by tests that were written, and on rows of another domain."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from metier.assurance.behaviour.adversarial import adversarial_result
from metier.assurance.behaviour.case import BehaviourResult
from metier.assurance.behaviour.edits import EDITS
from metier.assurance.behaviour.invariance import edited_key, invariance_results
from metier.assurance.behaviour.running import run_tests
from metier.assurance.behaviour.written_tests import read_tests
from metier.bundles import Model, load_model
from metier.data import read
from metier.data.trained_columns import with_columns
from metier.errors import CallError, UnknownNameError
from metier.evaluation.independent import difference_of_independent
from metier.evaluation.intervals import Interval
from metier.progress import Listener, ignore
from metier.selection.labelled_rows import LabelledRows, labelled_rows

FORMAT = "metier.behaviour.v1"


@dataclass(frozen=True)
class Behaviour:
    """What the tests of a bundle found.

    Parameters
    ----------
    bundle : Model
    results : tuple of BehaviourResult
    shift : dict or None
        `metric`, its figure on each of two files of rows, and their difference.
    origin : str or None
        Where the rows came from.
    """

    bundle: Model
    results: tuple[BehaviourResult, ...]
    shift: dict[str, Any] | None
    origin: str | None

    def as_dict(self) -> dict[str, Any]:
        """Give it as plain values, for JSON, with every case."""
        return {
            "format": FORMAT,
            "created": datetime.now(UTC).isoformat(timespec="seconds"),
            "bundle": self.bundle.name,
            "rows": self.origin,
            "tests": [one.as_dict() for one in self.results],
            "shift": self.shift,
        }


def examine_behaviour(
    bundle: Model | str | Path,
    rows: Any = None,
    *,
    tests: str | Path | None = None,
    only: Sequence[str] | None = None,
    adversarial: bool = False,
    shift: Any = None,
    threads: int = 1,
    random_state: int = 0,
    listener: Listener = ignore,
    **how: Any,
) -> Behaviour:
    """Test how a bundle behaves where its questions are edited, and on what the user expects of it.

    Parameters
    ----------
    bundle : path or Model
    rows : path, Rows, DataFrame, Arrow table or list, optional
        Rows to edit; labels are needed for `shift` alone.
    tests : path, optional
        A file of tests (YAML).
    only : sequence of str, optional
        Names of edits to try; None: all.
    adversarial : bool, default=False
        Whether edits that turn an answer are searched for, which takes seconds a row.
    shift : path, Rows, DataFrame, Arrow table or list, optional
        Labelled rows of another domain, on which the metric is compared with that of `rows`.
    **how
        As in `metier.read`.

    Raises
    ------
    CallError
        If there is nothing to test, or questions cannot be edited.
    """
    model = load_model(bundle, threads=threads) if isinstance(bundle, str | Path) else bundle
    known = [edit.name for edit in EDITS]
    for name in only or ():
        if name not in known:
            raise UnknownNameError("edit", name, known=known)
    if rows is None and tests is None:
        raise CallError("There is nothing to test: give rows to edit, or a file of tests.")
    if rows is None and (adversarial or shift is not None):
        raise CallError("Searching edits and another domain need rows too. Give rows.")
    written = [] if tests is None else read_tests(tests, labels=model.labels)
    sides = None if shift is None else _sides(model, (rows, shift), how, listener)
    results: list[BehaviourResult] = []
    origin = None
    if rows is not None:
        edited_key(model)
        given = with_columns(model.roles, lambda **roles: read(rows, **roles), **how)
        origin, items = given.origin, model.input_kind.from_rows(given)
        results += invariance_results(model, items, names=only, random_state=random_state, listener=listener)
        if adversarial:
            if model.input_keys != ("text",):
                raise CallError(
                    f"{model.name} is asked about {model.input_kind.noun}; edits are searched in single texts alone. Leave "
                    "--adversarial out."
                )
            results.append(adversarial_result(model, items, random_state=random_state, listener=listener))
    results += run_tests(model, written, listener=listener)
    found = None if sides is None else _shift(model, sides, random_state=random_state, listener=listener)
    return Behaviour(model, tuple(results), found, origin)


def _sides(
    model: Model, sources: tuple[Any, Any], how: Mapping[str, Any], listener: Listener
) -> list[LabelledRows]:
    """Read both files and check that they can be measured, before any question is asked."""
    return [labelled_rows(model, source, listener=listener, **how) for source in sources]


def _shift(
    model: Model, sides: Sequence[LabelledRows], *, random_state: int, listener: Listener
) -> dict[str, Any]:
    """Measure both files by the metric that ranks; no row is in both, so the difference is of independent figures."""
    metric = model.task.primary_metric
    figures: list[Interval] = []
    facts: list[dict[str, Any]] = []
    for given in sides:
        predicted = given.answered(model, listener=listener)[0].predicted
        figures.append(given.scores.interval(metric, predicted, random_state=random_state))
        facts.append({"origin": given.rows.origin, "rows": len(given.rows), **asdict(figures[-1])})
    difference = difference_of_independent(figures[1], figures[0])
    return {"metric": metric, "here": facts[0], "there": facts[1], "difference": asdict(difference)}
