"""Learn new labelled rows, keep what was known: the story of `metier update` for one label a text."""

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from metier.bundles import Bundle, load_bundle
from metier.bundles.manifest import MANIFEST_FILE
from metier.continual.update.choosing import REFIT, Chosen, choose, possible
from metier.continual.update.feature_source import FeatureSource
from metier.continual.update.figures import by_label, right, transfer
from metier.continual.update.material import Material, logits_of
from metier.continual.update.methods.joint import Joint
from metier.continual.update.methods.method import Lesson, UpdateMethod
from metier.continual.update.methods.table import BOUNDS, METHODS
from metier.continual.update.preparation import DEFAULTS, Prepared, UpdateOptions, material, prepare
from metier.continual.update.refitting import Refitted, is_refitted, refit
from metier.continual.update.rehearsal import REHEARSED, rehearse
from metier.continual.update.replaying import keep_rows
from metier.continual.update.result import JudgedRows, UpdateResult
from metier.continual.update.state import FORMAT, UpdateState, read_state
from metier.continual.update.update_rows import LabelledTexts
from metier.continual.update.updated_bundle import Files, HeadFiles, Updated, write_updated
from metier.data.output_files import make_folder
from metier.errors import CallError
from metier.evaluation.softmax import softmax
from metier.file_locks import held
from metier.predictors.loading import read_settings
from metier.progress import Listener, Progress, ignore
from metier.storage import parts_of
from metier.tasks.answers.label import LabelDecoder

TIMED_TEXTS = 200
BATCH = 1_024
LASTING = tuple(name for name in METHODS if name != Joint.name)  # Whose sums a later update goes on with.
SMALLEST_LOGIT = -1e6


def update(
    bundle: Bundle | str | Path,
    rows: Any,
    *,
    old: Any = None,
    test: Any = None,
    output: str | Path | None = None,
    overwrite: bool = False,
    options: UpdateOptions = DEFAULTS,
    listener: Listener = ignore,
    **how: Any,
) -> UpdateResult:
    """Let a bundle learn new labelled rows, and write the bundle that it becomes; the old one is not touched.

    The same call again, after it was interrupted or after it was done, ends in the same.

    Parameters
    ----------
    bundle : Bundle or path
        A bundle of one label a text, or a run (its recommended candidate).
    rows : path or rows
        New labelled rows. A fifth of them is held out of learning, to be tested on.
    old : path or rows, optional
        The rows that were learned before; None: those that the settings of its run name. A bundle that was updated
        before needs none.
    test : path or rows, optional
        Labelled rows that were never learned; None: those of the run.
    output : path, optional
        Folder of the new bundle; None: beside the old one or its run, `-updated` behind the name.
    **how
        Columns and format of the files, as in `metier.read`.

    Raises
    ------
    CallError
        If the bundle cannot be updated, something lacks, or the output is taken.
    DataError
        If rows cannot be learned: unknown labels, rows of test, nothing left.
    """
    model = bundle if isinstance(bundle, Bundle) else load_bundle(bundle)
    given = model.folder if isinstance(bundle, Bundle) else Path(bundle)
    place = given.with_name(f"{given.resolve().name}-updated") if output is None else Path(output)
    if place.resolve() in (model.folder.resolve(), given.resolve()):
        raise CallError(f"--output would replace {place}, what is updated. Name another folder.")
    if model.answer_kind.name in REHEARSED and model.input_keys == ("text",):
        return _rehearsed(model, rows, old, test, place, overwrite, options, listener, how)
    prepared = prepare(model, rows, old=old, test=test, options=options, listener=listener, **how)
    is_done = _is_done(place, prepared.digest, overwrite=overwrite)
    work = parts_of(place)
    make_folder(work)
    with held(work / "lock", what=place):
        source = prepared.source(work)
        if not is_done:
            _learn(prepared, source, place, listener)
        _store(prepared, source)
        result = _result(prepared, place, listener)
    shutil.rmtree(work, ignore_errors=True)
    return result


def _rehearsed(
    model: Bundle,
    rows: Any,
    old: Any,
    test: Any,
    place: Path,
    overwrite: bool,
    options: UpdateOptions,
    listener: Listener,
    how: dict[str, Any],
) -> UpdateResult:
    """Let a bundle of sets of labels or spans learn old and new rows together; the place is written whole or not at all."""
    edits = options.edits
    if edits.renames or edits.merges or edits.splits or options.replay is not None:
        raise CallError(
            f"{model.folder} gives {model.answer_kind.name}, for which labels cannot be changed and no replay store is "
            "kept. Leave out --rename, --merge, --split and --replay; old rows come from --old."
        )
    if place.exists() and not (overwrite and (place / MANIFEST_FILE).is_file()):
        raise _taken(place)
    work = parts_of(place)
    make_folder(work)
    try:
        with held(work / "lock", what=place):
            return rehearse(
                model,
                rows,
                old=old,
                test=test,
                place=place,
                work=work,
                method=options.method,
                random_state=options.random_state,
                listener=listener,
                **how,
            )
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _taken(place: Path) -> CallError:
    return CallError(
        f"There is something else at {place} already. Name another folder with --output; a bundle is replaced with "
        "--overwrite."
    )


def _is_done(place: Path, digest: str, *, overwrite: bool) -> bool:
    """Whether this very update was written there before; refuses a place that is taken by something else."""
    if not place.exists():
        return False
    is_bundle = (place / MANIFEST_FILE).is_file()
    if is_bundle and read_state(place, ()).digest == digest:
        return True
    if not is_bundle or not overwrite:
        raise _taken(place)
    return False


def _learn(prepared: Prepared, source: FeatureSource, place: Path, listener: Listener) -> None:
    """Choose a method, let all learn that can, measure them, and write the bundle of the one that was chosen."""
    again = is_refitted(prepared, source)
    refitted = refit(prepared, parts_of(place), listener) if again else None
    trial, held_rows = material(prepared, source, is_trial=True, listener=listener)
    state, asked = prepared.state, prepared.options.method
    chosen = choose(asked, trial, held_rows, kept=state.method, listener=listener)
    whole, _ = material(prepared, source, is_trial=False, listener=listener)
    taught = _all_taught(whole, asked, listener)
    tests = [source.vectors(part.texts, listener=listener) for part in _test_parts(prepared)]
    answers = {name: _answers(method, tests, prepared) for name, method in taught.items()}
    if refitted is not None:
        chosen = _with_refit(chosen, refitted)
        answers = {REFIT: [refitted.answers(part) for part in _test_parts(prepared)], **answers}
        lasting = [name for name in taught if name in LASTING]
        states = refitted.taught(lasting, prepared.table.names, listener)
    else:
        states = {name: one.arrays for name, one in taught.items() if name in (chosen.name, *LASTING)}
    before = [_answered(prepared.bundle, part, prepared.relabelling.names)[0] for part in _test_parts(prepared)]
    temperature = chosen.temperatures.get(chosen.name, state.temperature)
    if refitted is not None:
        files: Files = refitted
        labels = refitted.predictor.labels
        found = [refitted.probabilities(part) for part in _test_parts(prepared)]
    else:
        best = taught[chosen.name]
        files = _head_files(prepared, source, best, chosen.name, temperature)
        labels = tuple(prepared.table.names)
        found = [softmax(logits_of(best, part) / temperature) for part in tests]
    made = Updated(
        _state(prepared, chosen.name, temperature, states),
        files,
        refitted is not None,
        list(prepared.learned.texts[:TIMED_TEXTS]),
        refitted.held if refitted else _held(trial.taught(chosen.name), held_rows[0], temperature),
        _tested(prepared, labels, found),
        _facts(prepared, chosen, before, answers),
    )
    write_updated(prepared.bundle, place, made)


def _with_refit(chosen: Chosen, refitted: Refitted) -> Chosen:
    own = {} if refitted.accuracy is None else {REFIT: refitted.accuracy}
    temperature = float(read_settings(refitted.folder).get("temperature", 1.0))
    return Chosen(REFIT, {**chosen.temperatures, REFIT: temperature}, {**own, **chosen.accuracies})


def _head_files(
    prepared: Prepared, source: FeatureSource, method: UpdateMethod, name: str, temperature: float
) -> HeadFiles:
    found, head = method.head()
    decoder = LabelDecoder(tuple(prepared.table.names), temperature)
    bias = np.maximum(head.bias, SMALLEST_LOGIT)
    return HeadFiles(source.folder, (source.map, found), head.weight, bias, decoder, name)


def _held(method: UpdateMethod, rows: Lesson, temperature: float) -> tuple[np.ndarray, np.ndarray] | None:
    """Give the probabilities of validation rows and their labels, for sets of labels; None: there are no rows."""
    return (softmax(logits_of(method, rows.features) / temperature), rows.y) if len(rows) else None


def _all_taught(whole: Material, asked: str, listener: Listener) -> dict[str, UpdateMethod]:
    names, taught = possible(whole, asked), dict[str, UpdateMethod]()
    for place, name in enumerate(names):
        listener(Progress("learning the new rows", place, len(names)))
        taught[name] = whole.taught(name)
    return taught


def _test_parts(prepared: Prepared) -> tuple[LabelledTexts, LabelledTexts]:
    return prepared.old.test, prepared.tested


def _answers(method: UpdateMethod, tests: list[Any], prepared: Prepared) -> list[tuple[str, ...]]:
    names = prepared.table.names
    return [tuple(names[one] for one in logits_of(method, part).argmax(axis=1)) for part in tests]


def _answered(
    bundle: Bundle, rows: LabelledTexts, names: dict[str, str | None]
) -> tuple[tuple[str, ...], tuple[float, ...]]:
    """Let a bundle answer rows; gives the labels, in the names after the update, and how sure each is."""
    labels, sure = list[str](), list[float]()
    for start in range(0, len(rows), BATCH):
        found: Any = bundle.predict(rows.texts[start : start + BATCH])
        best = found.probabilities.argmax(axis=1)
        labels += [names.get(found.labels[one]) or found.labels[one] for one in best.tolist()]
        sure += found.probabilities.max(axis=1).tolist()
    return tuple(labels), tuple(sure)


def _tested(
    prepared: Prepared, labels: Sequence[str], probabilities: list[np.ndarray]
) -> tuple[np.ndarray, np.ndarray]:
    rows = LabelledTexts.joined(*_test_parts(prepared))
    places = {name: place for place, name in enumerate(labels)}
    return np.vstack(probabilities), np.array([places[label] for label in rows.labels])


def _facts(
    prepared: Prepared,
    chosen: Chosen,
    before: list[tuple[str, ...]],
    answers: dict[str, list[tuple[str, ...]]],
) -> dict[str, Any]:
    """Give all that is told of an update, as plain values."""
    targets = [part.labels for part in _test_parts(prepared)]
    was = [right(one, truth) for one, truth in zip(before, targets, strict=True)]
    n_before = len(prepared.state.labels.names)

    def figures(name: str) -> dict[str, Any]:
        now = [right(one, truth) for one, truth in zip(answers[name], targets, strict=True)]
        return transfer((was[0], now[0]), (was[1], now[1]), n_labels_before=n_before)

    own = [right(one, truth) for one, truth in zip(answers[chosen.name], targets, strict=True)]
    rows = prepared.given
    return {
        "format": FORMAT,
        "source": prepared.bundle.name,
        "method": chosen.name,
        "is_bound": chosen.name in BOUNDS,
        "validation": chosen.accuracies,
        "rows": {
            "learned": len(prepared.learned) + len(prepared.choosing),
            "held_out": len(prepared.tested),
            "left_out": rows.left_out,
        },
        "labels": {
            "new": list(rows.new_labels),
            "renamed": dict(prepared.options.edits.renames),
            "merged": [[list(parts), name] for parts, name in prepared.options.edits.merges],
            "split": list(prepared.options.edits.splits),
            "before": n_before,
            "after": len(prepared.table.names),
        },
        "figures": figures(chosen.name),
        "methods": {name: figures(name) for name in (REFIT, *METHODS) if name in answers},
        "by_label": {
            "old": by_label(targets[0], was[0], own[0]),
            "new": by_label(targets[1], was[1], own[1]),
        },
        "notes": list(prepared.notes),
    }


def _state(
    prepared: Prepared, method: str, temperature: float, methods: Mapping[str, Mapping[str, np.ndarray]]
) -> UpdateState:
    """Give what the bundle keeps: every method's own sums and heads, where they are small, and the labels."""
    rows = LabelledTexts.joined(prepared.learned, prepared.choosing)
    known = {key: now for key, old in prepared.known.items() if (now := prepared.table.now(old)) is not None}
    known |= dict(zip(rows.keys.tolist(), rows.labels, strict=True))
    step = {
        "method": method,
        "rows": len(rows),
        "digest": prepared.digest,
        "labels": list(prepared.given.new_labels),
    }
    return UpdateState(
        prepared.table,
        method,
        temperature,
        prepared.digest,
        (*prepared.state.history, step),
        methods,
        known,
    )


def _store(prepared: Prepared, source: FeatureSource) -> None:
    """Put what was learned into the replay store, where there is one."""
    options = prepared.options
    if options.replay is None:
        return
    parts = [prepared.learned, prepared.choosing]
    if not options.replay.is_file() or not prepared.state.methods:
        olds = LabelledTexts.joined(prepared.old.train, prepared.old.validation)
        olds = olds.named(prepared.relabelling.names)
        fresh = np.flatnonzero(~np.isin(olds.keys, prepared.given.rows.keys))
        parts = [olds.take(fresh), *parts]
    keep_rows(
        options.replay,
        prepared.table,
        LabelledTexts.joined(*parts),
        but=prepared.excluded,
        seen=prepared.seen if len(parts) == 2 else {},
        digest=prepared.digest,
        keeping=options.keeping,
        source=source,
        random_state=options.random_state,
    )


def _result(prepared: Prepared, place: Path, listener: Listener) -> UpdateResult:
    """Let both bundles answer the test rows, as whoever loads them would."""
    after = load_bundle(place)
    facts = dict(after.manifest.update or {})
    parts = []
    for number, rows in enumerate(_test_parts(prepared)):
        listener(Progress("answering the test rows", number, 2))
        was, was_sure = _answered(prepared.bundle, rows, prepared.relabelling.names)
        now, now_sure = _answered(after, rows, {})
        parts.append(JudgedRows(rows.texts, rows.labels, was, now, was_sure, now_sure))
    facts |= {"output": str(place), "size_bytes": after.measured.size_bytes if after.measured else None}
    return UpdateResult(parts[0], parts[1], facts["method"], place, prepared.bundle.folder, facts)
