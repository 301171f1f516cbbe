"""A model of drawings that are kept as DICOM files, sealed as a bundle."""

from pathlib import Path

import numpy as np
import pytest

from metier.bases.known_base import known_base

ICONS = Path(__file__).parents[3] / "examples" / "health_icons"
LABELS = ("devices", "people", "vehicles")


@pytest.fixture(scope="session")
def scans(dicom_files, tmp_path_factory):
    """A folder with one sub-folder a label, each with drawings of six made-up patients."""
    image = pytest.importorskip("PIL.Image", reason="needs metier[image]")
    folder = tmp_path_factory.mktemp("scans")
    for label in LABELS:
        for number, path in enumerate(sorted((ICONS / label).glob("*.png"))):
            grey = np.asarray(image.open(path).convert("L").resize((96, 96)))
            dataset = dicom_files.made(grey, PatientID=f"{label} {number // 2}")
            dicom_files.written(dataset, folder / label / f"IM{number:03}")
    return folder


@pytest.fixture(scope="session")
def model(scans, tmp_path_factory):
    """The folder of a bundle of `frozen_image.v1`."""
    pytest.importorskip("torch", reason="needs metier[train]")
    if known_base("efficientnet-lite0").source is None:
        pytest.skip("needs metier[image]")
    import metier
    from metier.bundles import ManifestFacts, seal
    from metier.multimodal.frozen_image import FrozenImage
    from metier.predictors.loading import read_settings

    rows = metier.read(scans)
    method = FrozenImage(C=1.0, temperature=1.0).fit(
        [{"image": file} for file in rows.image_files], rows.labels
    )
    folder = tmp_path_factory.mktemp("sealed") / method.name
    method.export(folder)
    facts = {
        "name": method.name,
        "method": method.name,
        "task": {"name": "classification", "labels": list(LABELS), "input_keys": ["image"]},
        "predictor": {"kind": read_settings(folder)["kind"], "name": method.name},
        "data": {"fingerprint": rows.fingerprint, "origin": "scans", "rows": {"train": len(rows)},
                 "roles": {"image": "image", "text": "image", "label": "label"}},
    }  # fmt: skip
    seal(folder, ManifestFacts.model_validate(facts))
    return folder
