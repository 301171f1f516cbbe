"""Run the gate on files: the bundle, the policy and its rows are all checked before the first answer is asked."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from metier.assurance.behaviour.written_tests import read_tests
from metier.assurance.conditions import LIVE
from metier.assurance.forgetting.result import Forgotten, forgotten
from metier.assurance.gate import GateResult, check_policy, known_figures, run_gate
from metier.assurance.golden_rows import read_golden, sealed_rows
from metier.assurance.policy import Policy, read_policy
from metier.assurance.subject import Subject
from metier.bundles import Bundle, Model, load_model
from metier.bundles.sealing import record_gate
from metier.errors import CallError
from metier.progress import Listener, ignore
from metier.selection.labelled_rows import LabelledRows, labelled_rows, seen_before


@dataclass(frozen=True)
class Gated:
    """What the gate said of a bundle.

    Parameters
    ----------
    bundle : Model
    result : GateResult
    facts : dict
        The same with where it comes from, for JSON and for the manifest.
    """

    bundle: Model
    result: GateResult
    facts: dict[str, Any]


def gate(
    bundle: Model | str | Path,
    policy: str | Path | Policy,
    *,
    rows: Any = None,
    live: str | Path | None = None,
    threads: int = 1,
    random_state: int = 0,
    listener: Listener = ignore,
    seals: bool = True,
    **how: Any,
) -> Gated:
    """Judge by a policy whether a bundle may go live.

    Parameters
    ----------
    bundle : Model or path
        A bundle, a run (its recommended candidate), a candidate of a run, or a model from elsewhere, which is not sealed.
    policy : path or Policy
    rows : path, Rows, DataFrame, Arrow table or list, optional
        Labelled rows that it was not trained on; None: those that the policy names.
    live : path, optional
        The bundle that answers today; None: the one that the policy names.
    seals : bool, default=True
        Whether the result is written into the manifest of the bundle.
    **how
        As in `metier.read`.

    Raises
    ------
    CallError
        If the policy asks for what is not there, before anything is asked.
    DataError
        If rows cannot be asked or measured.
    """
    found = policy if isinstance(policy, Policy) else read_policy(policy)
    model = load_model(bundle, threads=threads) if isinstance(bundle, str | Path) else bundle
    named_live = live or found.live
    today = None if named_live is None else load_model(named_live, threads=threads)
    source = found.rows if rows is None else rows
    given = None if source is None else labelled_rows(model, source, listener=listener, **how)
    tests = () if found.tests is None else tuple(read_tests(found.tests, labels=model.labels))
    subject = None if given is None else Subject(model, given, tests, random_state, listener)
    check_policy(found, subject, has_live=today is not None)
    has_relations = any(demand.condition.other == LIVE for demand in found.demands)
    beside = _live_subject(today, subject) if has_relations else None
    lost = _forgotten(today, subject, found)
    golden = None if found.golden is None else (model, read_golden(model, found.golden))
    result = run_gate(found, subject, live=beside, golden=golden, forgotten=lost)
    whole = {
        "format": "metier.gate.v1",
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "bundle": model.name,
        "live": None if today is None else today.name,
        "rows": _rows_facts(model, given),
        **result.as_dict(),
    }
    if seals and isinstance(model, Bundle):
        record_gate(model.folder, whole | _sealed_golden(whole, golden, result))
    return Gated(model, result, whole)


def _sealed_golden(
    whole: dict[str, Any], golden: tuple[Model, LabelledRows] | None, result: GateResult
) -> dict[str, Any]:
    """Give what a manifest says of golden rows: with some of them, which the service asks before the bundle answers."""
    if golden is None:
        return {}
    return {"golden": {**whole["golden"], "asked": sealed_rows(*golden, result.wrong)}}


def figures_for(bundle: str | Path, rows: Any, *, threads: int = 1, **how: Any) -> list[str]:
    """Give the names of all figures that a policy may ask of a bundle on some rows."""
    model = load_model(bundle, threads=threads)
    return known_figures(Subject(model, labelled_rows(model, rows, **how)))


def _forgotten(live: Model | None, subject: Subject | None, policy: Policy) -> Forgotten | None:
    """Say what the bundle has lost that the live one knows, which may know other labels."""
    if policy.forgetting is None or live is None or subject is None:
        return None
    if live.task.name != subject.given.task.name:
        raise CallError(
            f"{live.folder or live.name} answers another task ({live.task.name}) than the rows ask for "
            f"({subject.given.task.name}). Name the bundle that answers today for the same task."
        )
    before = replace(subject, bundle=live, given=labelled_rows(live, subject.given.rows))
    return forgotten(before, subject, policy.forgetting, level=policy.level)


def _live_subject(live: Model | None, subject: Subject | None) -> Subject | None:
    """Let the live bundle answer the same rows; it must answer the same question with the same labels."""
    if live is None or subject is None:
        return None
    stated, task = live.task, subject.given.task
    if stated.name != task.name or not set(stated.labels) <= set(task.labels):
        raise CallError(
            f"{live.folder or live.name} answers another question ({stated.name} with "
            f"{len(stated.labels)} labels) than the rows ask. "
            "Name the bundle that answers today for the same task and labels."
        )
    return replace(subject, bundle=live)


def _rows_facts(model: Model, given: LabelledRows | None) -> dict[str, Any] | None:
    if given is None:
        return None
    rows = given.rows
    seen = seen_before(model, rows)
    notes = [*rows.notes, *given.notes, *([] if seen is None else [seen])]
    return {"origin": rows.origin, "rows": len(rows), "fingerprint": rows.fingerprint, "notes": notes}
