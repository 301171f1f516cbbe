"""Networks of images that are tuned: from any vision folder to a bundle that answers without torch and transformers."""

import csv
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from metier.catalogue import resolve
from metier.errors import SettingsError
from metier.predictors import load_predictor

pytest.importorskip("PIL", reason="needs metier[image]")
GROCERIES = Path(__file__).parents[2] / "examples" / "groceries"


@pytest.fixture(scope="module")
def photos():
    """Paths and labels: 24 to learn from, 12 to choose on."""
    with (GROCERIES / "data.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    labels = sorted({row["label"] for row in rows})[:3]
    some = [[row for row in rows if row["label"] == label][:12] for label in labels]
    picked = [row for twelve in zip(*some, strict=True) for row in twelve]
    items = [{"image": str(GROCERIES / row["image"])} for row in picked]
    answers = [row["label"] for row in picked]
    return (items[:24], answers[:24]), (items[24:], answers[24:])


@pytest.mark.parametrize(
    ("method", "settings"),
    [
        ("frozen_image.v1", {}),
        ("image_encoder.v1", {"adaptation": "full"}),
        ("image_encoder.v1", {"adaptation": "top:1"}),
        ("image_encoder.v1", {"adaptation": "lora:2"}),
    ],
)
@pytest.mark.parametrize("kind", ["resnet", "vit"])
def test_any_vision_folder_is_a_base_and_its_bundle_needs_neither_torch_nor_transformers(
    tiny_vision, photos, tmp_path, kind, method, settings
):
    tuned = {} if method == "frozen_image.v1" else {"epochs": 2, "views": 2, **settings}
    fitted = resolve(method)(base=str(tiny_vision(kind)), **tuned).fit(*photos[0], validation=photos[1])
    fitted.export(tmp_path / "exported")
    stated = json.loads((tmp_path / "exported" / "predictor.json").read_text(encoding="utf-8"))
    assert (stated["preparation"]["height"], stated["preparation"]["normalised_by"]) == (48, "graph")
    assert len(stated["preparation"]["mean"]) == len(stated["preparation"]["std"]) == 3
    expected = fitted.predict_proba(photos[1][0])
    answers = load_predictor(tmp_path / "exported").predict(photos[1][0])
    np.testing.assert_allclose(answers.probabilities, expected, atol=1e-4)
    if tuned:
        assert fitted.facts_["weights_trained"] > 0
    again = resolve("frozen_image.v1")(base=str(tmp_path / "exported" / "huggingface")).fit(*photos[0])
    assert len(again.predict(photos[1][0])) == 12


def test_a_bundle_of_a_vision_transformer_answers_where_torch_cannot_be_imported(tiny_vision, photos, tmp_path):
    resolve("frozen_image.v1")(base=str(tiny_vision("deit"))).fit(*photos[0]).export(tmp_path / "exported")
    code = (
        "import sys\nsys.modules['torch'] = sys.modules['transformers'] = None\n"
        "from pathlib import Path\nfrom metier.predictors import load_predictor\n"
        f"print(load_predictor(Path({str(tmp_path / 'exported')!r})).predict([{photos[1][0][0]!r}]).predicted[0])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    expected = load_predictor(tmp_path / "exported").predict(photos[1][0][:1]).predicted[0]
    assert done.stdout.strip() == expected


def test_tuning_goes_on_from_its_checkpoint_to_the_same_answers(tiny_vision, photos, tmp_path):
    def fit(**settings):
        base = str(tiny_vision("resnet"))
        method = resolve("image_encoder.v1")(base=base, adaptation="full", epochs=3, views=3, **settings)
        return method.fit(*photos[0], validation=photos[1])

    class Stop(Exception):
        pass

    def stopping(progress):
        if progress.facts.get("epoch", 0) >= 3:
            raise Stop

    whole = fit(checkpoint_folder=tmp_path / "whole").predict_proba(photos[1][0])
    base = str(tiny_vision("resnet"))
    with pytest.raises(Stop):
        resolve("image_encoder.v1")(
            base=base, adaptation="full", epochs=3, views=3, checkpoint_folder=tmp_path / "cut"
        ).fit(*photos[0], validation=photos[1], listener=stopping)
    assert any(path.is_file() for path in (tmp_path / "cut").rglob("*"))
    resumed = fit(checkpoint_folder=tmp_path / "cut").predict_proba(photos[1][0])
    np.testing.assert_allclose(resumed, whole, atol=1e-6)


def test_labels_that_name_a_side_are_not_flipped_unless_asked(tiny_vision, photos):
    sides = ["turn left" if at % 2 else "turn right" for at in range(24)]
    base = {"base": str(tiny_vision("resnet")), "epochs": 1, "adaptation": "head"}
    facts = resolve("image_encoder.v1")(**base).fit(photos[0][0], sides).facts_
    assert facts["augmentation"]["flip"] == 0.0
    assert facts["not_flipped_for"] == ["turn left", "turn right"]
    asked = resolve("image_encoder.v1")(**base, flip=0.5).fit(photos[0][0], sides).facts_
    assert (asked["augmentation"]["flip"], "not_flipped_for" in asked) == (0.5, False)


def test_settings_that_are_for_texts_are_refused(photos):
    with pytest.raises(SettingsError, match="adaptation is 'prefix:16', which is for texts"):
        resolve("image_encoder.v1")(adaptation="prefix:16").fit(*photos[0])
    with pytest.raises(SettingsError, match="objective has 'mixup', which is for texts"):
        resolve("image_encoder.v1")(objective="cross_entropy+mixup:0.4").fit(*photos[0])
