"""The bundle that comes out: sealed, and saying in manifest and card what it was made from and how."""

import shutil
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from metier.bundles import Bundle, ManifestFacts, seal, write_card, write_whole
from metier.bundles.label_sets import write_label_sets
from metier.bundles.manifest import Latency, MeasuredFacts, PredictorFacts
from metier.compression.inside import without_weights
from metier.compression.materials import Materials
from metier.compression.points import Point, served_bytes
from metier.machine import describe_machine
from metier.predictors.loading import load_predictor, read_settings
from metier.runs.run_folder import plain
from metier.selection.execution.measuring import measure_cost
from metier.selection.execution.sealing import CALIBRATION_KEYS
from metier.tasks.answer_batches import Answers
from metier.tasks.answers import LABEL

REFITTED = "train + validation"
SHOWN_FLIPS = 20  # In the manifest; `--json` has all.


def write_bundle(
    bundle: Bundle,
    files: Path,
    point: Point,
    folder: Path,
    materials: Materials,
    *,
    test: dict[str, Any],
    judged: Path,
) -> None:
    """Write and seal the bundle of a point; whole or not at all.

    Parameters
    ----------
    bundle : Bundle
        What it was made from.
    files : Path
        The predictor's files of the point.
    test : dict
        Figures of the test rows by metric; empty where there are none.
    judged : Path
        The files that were judged: others than `files` after a refit, and what is carried of validation rows is of them.
    """
    with write_whole(folder) as partial:
        shutil.copytree(files, partial, dirs_exist_ok=True)
        without_weights(partial)
        facts = _facts(bundle, partial, point, materials, test, is_refitted=judged != files)
        if bundle.answer_kind.name == LABEL.name:
            _write_label_sets(partial, judged, materials)
        write_card(partial, facts)
        seal(partial, facts)


def _facts(
    bundle: Bundle,
    folder: Path,
    point: Point,
    materials: Materials,
    test: dict[str, Any],
    *,
    is_refitted: bool,
) -> ManifestFacts:
    before, settings = bundle.manifest, read_settings(folder)
    judgement = point.judgement
    assert judgement is not None
    metrics = {"validation": {judgement.metric: judgement.after}, "test": test}
    return ManifestFacts.model_validate(
        {
            **before.model_dump(include=set(ManifestFacts.model_fields)),
            "predictor": PredictorFacts(kind=settings["kind"], name=settings["name"]),
            "task": before.task.model_copy(update={"labels": tuple(settings.get("labels", ()))}),
            "calibration": {key: settings[key] for key in CALIBRATION_KEYS if key in settings},
            "measured": _measured(folder, materials),
            "data": before.data.model_copy(
                update={"trained_on": REFITTED if is_refitted else before.data.trained_on}
            ),
            "metrics": {split: figures for split, figures in metrics.items() if figures},
            "compression": _told(bundle, point),
        }
    )


def _told(bundle: Bundle, point: Point) -> dict[str, Any]:
    """Give what the manifest says of what it was made from and how."""
    facts: dict[str, Any] = plain(asdict(point))
    facts["judgement"]["flips"] = facts["judgement"]["flips"][:SHOWN_FLIPS]
    before = bundle.manifest
    source = {
        "name": before.name,
        "created": before.created.isoformat(),
        "files": {name: file.sha256 for name, file in before.files.items() if name.endswith(("onnx", "json"))},
        "size_bytes": served_bytes(bundle.folder),
    }
    return {"made_from": source, "chain": list(point.chain), **{key: facts[key] for key in _KEPT}}


_KEPT = ("judgement", "timing", "facts")


def _measured(folder: Path, materials: Materials) -> MeasuredFacts:
    machine, cost = describe_machine(), measure_cost(folder, list(materials.validation.items))
    return MeasuredFacts(
        latency_ms=Latency(**cost["latency_ms"]),
        rows_per_second=cost["rows_per_second"],
        size_bytes=served_bytes(folder),
        cpu=machine.cpu,
        instruction_sets=tuple(machine.instruction_sets),
    )


def _write_label_sets(folder: Path, judged: Path, materials: Materials) -> None:
    """Let a bundle of one label carry what sets of labels take of the validation rows."""
    rows, answers = materials.validation, load_predictor(judged).predict(materials.validation.items)
    if not isinstance(answers, Answers):
        return
    place = {label: number for number, label in enumerate(answers.labels)}
    truth = np.array([place.get(str(one), -1) for one in rows.targets])
    known = np.flatnonzero(truth >= 0)
    if len(known):
        write_label_sets(folder, answers.probabilities[known], truth[known])
