"""The bundle that comes out of an update: sealed, whole or not at all, with what a later update goes on with."""

import hashlib
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from metier.bundles import Bundle, ManifestFacts, seal, write_card, write_whole
from metier.bundles.card import CARD_FILE
from metier.bundles.label_sets import LABEL_SETS_FILE, write_label_sets
from metier.bundles.manifest import MANIFEST_FILE, Latency, MeasuredFacts, PredictorFacts
from metier.bundles.sealing import SIGNATURE_FILE
from metier.bundles.updated_answers import ANSWERS_FILE, UPDATE_FOLDER, write_updated_answers
from metier.continual.update.state import UpdateState
from metier.evaluation.intervals import bootstrap_interval
from metier.features.random_maps import FeatureMap
from metier.machine import describe_machine
from metier.predictors.composite.updated_head import FEATURES_FOLDER, UpdatedHeadPredictor
from metier.predictors.loading import SCOPE_FILE, load_predictor, read_settings
from metier.selection.execution.measuring import measure_cost
from metier.tasks.answers.label import LabelDecoder

LEFT_BEHIND = (
    CARD_FILE,
    LABEL_SETS_FILE,
    ANSWERS_FILE,
    MANIFEST_FILE,
    SIGNATURE_FILE,
    SCOPE_FILE,
    UPDATE_FOLDER,
    "huggingface",
)


class Files(Protocol):
    """What answers, as files."""

    def write(self, folder: Path) -> None:
        """Write the files of a predictor."""
        ...


@dataclass(frozen=True)
class HeadFiles:
    """A head on the features of the bundle that was updated.

    Parameters
    ----------
    features : Path
        Folder of the predictor that gives vectors.
    maps : tuple of FeatureMap
    weights, bias : ndarray of shape (n_columns, n_labels) and (n_labels,)
    decoder : LabelDecoder
    name : str
        Of the method that learned it.
    """

    features: Path
    maps: tuple[FeatureMap, ...]
    weights: np.ndarray
    bias: np.ndarray
    decoder: LabelDecoder
    name: str

    def write(self, folder: Path) -> None:
        """Write the files of a predictor."""
        own = folder / FEATURES_FOLDER
        shutil.copytree(self.features, own, ignore=shutil.ignore_patterns(*LEFT_BEHIND, ".*"))
        features = load_predictor(own)
        UpdatedHeadPredictor(features, self.maps, self.weights, self.bias, self.decoder, name=self.name).save(
            folder
        )


@dataclass(frozen=True)
class Updated:
    """What is written.

    Parameters
    ----------
    state : UpdateState
    files : Files
    is_refitted : bool
        Whether it answers by the method that the bundle had before.
    sample : sequence of str
        Texts to time answers with.
    held : (probabilities, truth) or None
        Of validation rows, in the order of the labels of the files, for sets of labels.
    tested : (probabilities, truth)
        Of all test rows, old and new, in the order of the labels of the files.
    facts : dict
        For the manifest.
    """

    state: UpdateState
    files: Files
    is_refitted: bool
    sample: list[str]
    held: tuple[np.ndarray, np.ndarray] | None
    tested: tuple[np.ndarray, np.ndarray]
    facts: dict[str, Any]


def write_updated(bundle: Bundle, folder: Path, made: Updated) -> None:
    """Write and seal it; raises StorageError where the disk refuses, and leaves nothing then."""
    with write_whole(folder) as partial:
        made.files.write(partial)
        made.state.write(partial)
        if made.held is not None:
            write_label_sets(partial, *made.held)
        write_updated_answers(partial, *made.tested)
        facts = _facts(bundle, partial, made)
        write_card(partial, facts)
        seal(partial, facts)


def _facts(bundle: Bundle, folder: Path, made: Updated) -> ManifestFacts:
    before, settings = bundle.manifest, read_settings(folder)
    own = {"name": before.name, "method": before.method, "method_params": before.method_params}
    name = str(made.state.method)
    own = own if made.is_refitted else {"name": name, "method": name, "method_params": {}}
    rows = {**before.data.rows, "train": before.data.rows.get("train", 0) + made.facts["rows"]["learned"]}
    rows["test"] = made.facts["figures"]["old"]["rows"] + made.facts["figures"]["new"]["rows"]
    fingerprint = hashlib.sha256((before.data.fingerprint + made.state.digest).encode()).hexdigest()
    return ManifestFacts.model_validate(
        {
            **before.model_dump(include=set(ManifestFacts.model_fields)),
            **own,
            "predictor": PredictorFacts(kind=settings["kind"], name=settings["name"]),
            "task": before.task.model_copy(update={"labels": tuple(settings["labels"])}),
            "calibration": {"temperature": made.state.temperature},
            "data": before.data.model_copy(
                update={"rows": rows, "fingerprint": fingerprint, "trained_on": "train + updates"}
            ),
            "measured": _measured(folder, made.sample),
            "metrics": {"test": _metrics(made.tested[0].argmax(axis=1), made.tested[1])},
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
