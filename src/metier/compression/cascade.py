"""A cascade: TF-IDF with a linear model answers where it is sure, and the encoder the rest.

The threshold is certified on the validation rows (`fusion.certificate`): which thresholds are tried is declared before
any row is seen, so the certificate holds on the rows that it was found on.
"""

import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from metier import catalogue
from metier.compression.materials import Materials
from metier.compression.recovery import check_labels
from metier.compression.technique import is_encoder
from metier.errors import CompressionError
from metier.fusion.cascade import CascadeCertificate, certify_cascade, export_cascade
from metier.fusion.composition import fingerprint
from metier.predictors.loading import load_predictor, read_settings, write_settings
from metier.tasks.answer_batches import Answers

CHEAP = "tfidf_linear.v1"
MARGIN, CONFIDENCE = 0.005, 0.95


@dataclass(frozen=True)
class FirstStage:
    """A cascade of a linear model, trained here on the training rows, and the encoder."""

    name: ClassVar[str] = "cascade"

    def fits(self, settings: Mapping[str, Any]) -> bool:
        """Whether it is an encoder that gives one label a text."""
        return is_encoder(settings) and settings["kind"] == "onnx_encoder.v1"

    def apply(self, part: Path, folder: Path, materials: Materials) -> dict[str, Any]:
        """Write the files of both stages."""
        cheap = materials.scratch / ("first_stage" if materials.settled is None else "first_stage_refitted")
        if not (cheap / "predictor.json").is_file():
            _train(cheap, materials)
        check_labels(part, cheap)
        before = materials.chosen_before("certificate")
        found = CascadeCertificate(**before) if before else certify(cheap, part, materials)
        if found.threshold is None:
            raise CompressionError(f"No threshold of a cascade can be certified: {found.reason}.")
        export_cascade(found, [cheap, part], folder, name="cascade.v1")
        return {"certificate": asdict(found)}


def _train(folder: Path, materials: Materials) -> None:
    method = catalogue.resolve(CHEAP)()
    method.set_params(random_state=materials.random_state)
    items, targets = materials.known
    method.fit(items, targets, validation=materials.held, listener=materials.listener)
    with tempfile.TemporaryDirectory(dir=materials.scratch) as beside:
        made = Path(beside, "first_stage")
        made.mkdir()
        method.export(made)
        made.rename(folder)


def certify(
    cheap: Path, big: Path, materials: Materials, *, margin: float = MARGIN, confidence: float = CONFIDENCE
) -> CascadeCertificate:
    """Look for the lowest threshold that the validation rows certify."""
    rows = materials.validation
    labels = read_settings(big)["labels"]
    place = {label: number for number, label in enumerate(labels)}
    truth = np.array([place.get(str(one), -1) for one in rows.targets])
    first, second = (_probabilities(one, labels, materials) for one in (cheap, big))
    return certify_cascade(first, second, truth, margin=margin, confidence=confidence)


def _probabilities(folder: Path, labels: list[str], materials: Materials) -> np.ndarray:
    answers = load_predictor(folder, threads=materials.threads).predict(materials.validation.items)
    if not isinstance(answers, Answers):
        raise CompressionError("A cascade needs answers that are one label each. Leave cascade out.")
    return answers.probabilities[:, [answers.labels.index(label) for label in labels]]


def certify_again(folder: Path, materials: Materials) -> None:
    """Look for the threshold of a cascade anew, after one of its stages was replaced.

    Raises
    ------
    CompressionError
        If none can be certified.
    """
    settings = read_settings(folder)
    cheap, big = (folder / stage["folder"] for stage in settings["stages"])
    before = settings["certificate"]
    given = {"margin": before["margin"], "confidence": before["confidence"]}
    found = certify(cheap, big, materials, **given)
    if found.threshold is None:
        raise CompressionError(f"No threshold of a cascade can be certified: {found.reason}.")
    stages = [{**stage, "fingerprint": fingerprint(folder / stage["folder"])} for stage in settings["stages"]]
    changed = {"threshold": found.threshold, "certificate": asdict(found), "stages": stages}
    write_settings(folder, {**settings, **changed})
