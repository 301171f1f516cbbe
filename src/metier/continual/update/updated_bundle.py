"""The bundle that comes out of an update: sealed, whole or not at all, with what a later update goes on with."""

import hashlib
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from metier.bundles import Bundle, ManifestFacts, seal, write_card, write_whole
from metier.bundles.card import CARD_FILE
from metier.bundles.label_sets import LABEL_SETS_FILE, write_label_sets
from metier.bundles.manifest import MANIFEST_FILE, Latency, MeasuredFacts, PredictorFacts
from metier.bundles.sealing import SIGNATURE_FILE
from metier.continual.update.state import FOLDER, UpdateState
from metier.evaluation.intervals import bootstrap_interval
from metier.evaluation.softmax import softmax
from metier.features.random_maps import FeatureMap
from metier.machine import describe_machine
from metier.predictors.composite.updated_head import FEATURES_FOLDER, KIND, UpdatedHeadPredictor
from metier.predictors.loading import SCOPE_FILE, load_predictor
from metier.selection.execution.measuring import measure_cost
from metier.tasks.answers.label import LabelDecoder

LEFT_BEHIND = (CARD_FILE, LABEL_SETS_FILE, MANIFEST_FILE, SIGNATURE_FILE, SCOPE_FILE, FOLDER, "huggingface")


@dataclass(frozen=True)
class Updated:
    """What is written.

    Parameters
    ----------
    state : UpdateState
    features : Path
        Folder of the predictor that gives vectors.
    maps : tuple of FeatureMap
    weights, bias : ndarray of shape (n_columns, n_labels) and (n_labels,)
    sample : sequence of str
        Texts to time answers with.
    held : (logits, truth) or None
        Of validation rows, for sets of labels.
    tested : (predicted, truth)
        Columns of the labels of all test rows, old and new.
    facts : dict
        For the manifest.
    """

    state: UpdateState
    features: Path
    maps: tuple[FeatureMap, ...]
    weights: np.ndarray
    bias: np.ndarray
    sample: list[str]
    held: tuple[np.ndarray, np.ndarray] | None
    tested: tuple[np.ndarray, np.ndarray]
    facts: dict[str, Any]


def write_updated(bundle: Bundle, folder: Path, made: Updated) -> None:
    """Write and seal it; raises StorageError where the disk refuses, and leaves nothing then."""
    labels = tuple(made.state.labels.names)
    decoder = LabelDecoder(labels, made.state.temperature)
    with write_whole(folder) as partial:
        shutil.copytree(
            made.features, partial / FEATURES_FOLDER, ignore=shutil.ignore_patterns(*LEFT_BEHIND, ".*")
        )
        features = load_predictor(partial / FEATURES_FOLDER)
        name = str(made.state.method)
        UpdatedHeadPredictor(features, made.maps, made.weights, made.bias, decoder, name=name).save(partial)
        made.state.write(partial)
        if made.held is not None:
            logits, truth = made.held
            write_label_sets(partial, softmax(logits / decoder.temperature), truth)
        facts = _facts(bundle, partial, made, labels)
        write_card(partial, facts)
        seal(partial, facts)


def _facts(bundle: Bundle, folder: Path, made: Updated, labels: tuple[str, ...]) -> ManifestFacts:
    before, name = bundle.manifest, str(made.state.method)
    rows = {**before.data.rows, "train": before.data.rows.get("train", 0) + made.facts["rows"]["learned"]}
    rows["test"] = made.facts["figures"]["old"]["rows"] + made.facts["figures"]["new"]["rows"]
    fingerprint = hashlib.sha256((before.data.fingerprint + made.state.digest).encode()).hexdigest()
    return ManifestFacts.model_validate(
        {
            **before.model_dump(include=set(ManifestFacts.model_fields)),
            "name": name,
            "method": name,
            "method_params": {},
            "predictor": PredictorFacts(kind=KIND, name=name),
            "task": before.task.model_copy(update={"labels": labels}),
            "calibration": {"temperature": made.state.temperature},
            "data": before.data.model_copy(
                update={"rows": rows, "fingerprint": fingerprint, "trained_on": "train + updates"}
            ),
            "measured": _measured(folder, made.sample),
            "metrics": {"test": _metrics(*made.tested)},
            "compression": None,
            "update": made.facts,
        }
    )


def _metrics(predicted: np.ndarray, truth: np.ndarray) -> dict[str, Any]:
    found = {metric: bootstrap_interval(metric, truth, predicted) for metric in ("accuracy", "macro_f1")}
    return {metric: {"value": one.value, "low": one.low, "high": one.high} for metric, one in found.items()}


def _measured(folder: Path, sample: list[str]) -> MeasuredFacts:
    machine, cost = describe_machine(), measure_cost(folder, sample)
    return MeasuredFacts(
        latency_ms=Latency(**cost["latency_ms"]),
        rows_per_second=cost["rows_per_second"],
        size_bytes=cost["size_bytes"],
        cpu=machine.cpu,
        instruction_sets=tuple(machine.instruction_sets),
    )
