"""From rows with texts and images to a sealed joint bundle that answers without torch, also where one is missing."""

import base64
import dataclasses
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from starlette.testclient import TestClient

import metier
from metier.bases.known_base import known_base
from metier.report.page import render_report
from metier.serving import build_app
from metier.serving.settings import ServingSettings
from metier.tasks.inputs import TEXT_IMAGE

pytest.importorskip("PIL", reason="needs metier[image]")
ICONS = Path(__file__).parents[2] / "examples" / "titled_icons"
pytestmark = pytest.mark.skipif(known_base("efficientnet-lite0").source is None, reason="needs metier[image]")
CANDIDATES = ["majority", "tfidf_linear", "frozen_image", "joint", "average"]


@pytest.fixture(scope="module")
def run(tmp_path_factory, cut_to):
    return metier.train(
        ICONS / "data.csv",
        run=tmp_path_factory.mktemp("joint") / "run",
        candidates=CANDIDATES,
        budget="60m",  # What a modality dropped costs is left out where time is short.
        settings={"base": str(cut_to(1, small=True)), "refit": False},
    )


@pytest.fixture(scope="module")
def bundle(run):
    return metier.load(run.folder / "candidates" / "joint.v1")


@pytest.fixture(scope="module")
def icon():
    """A drawing with its title."""
    path = next((ICONS / "images").glob("devices_*.png"))
    return {"text": "Laryngoscope", "image": str(path)}


def test_the_bundle_has_a_graph_for_each_tower_and_answers_without_torch(run, bundle, icon):
    folder = run.folder / "candidates" / "joint.v1"
    assert {path.name for path in folder.glob("*.onnx")} == {"model.onnx", "image.onnx", "fusion.onnx"}
    asked = [icon, {"text": icon["text"]}, {"image": icon["image"]}]
    code = (
        "import sys\nsys.modules['torch'] = None\nimport metier\n"
        f"bundle = metier.load({str(folder)!r})\n"
        f"print(*bundle.predict({asked!r}).predicted)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == list(bundle.predict(asked).predicted)


def test_a_request_may_hold_a_text_an_image_or_both(run, bundle, icon):
    data = base64.b64encode(Path(icon["image"]).read_bytes()).decode()
    rows = [{"text": icon["text"], "image": data}, {"text": icon["text"]}, {"image": data}]
    folder = run.folder / "candidates" / "joint.v1"
    with TestClient(build_app(lambda: metier.load(folder), ServingSettings())) as client:
        while client.get("/readyz").status_code != 200:
            pass
        found = client.post("/v1/predict", json={"rows": rows}).json()["answers"]
        refused = client.post("/v1/predict", json={"rows": [{"text": ""}]})
    expected = bundle.predict([icon, {"text": icon["text"]}, {"image": icon["image"]}])
    assert [answer["label"] for answer in found] == list(expected.predicted)
    assert refused.status_code == 422


def test_what_is_missing_is_known_to_be_missing_and_no_grey_image(bundle, icon):
    """A row without an image is another row than one with an image that shows nothing."""
    from metier.tasks.inputs.image import GREY_PIXEL

    grey = bundle.predict([{"text": icon["text"], "image": GREY_PIXEL}]).probabilities
    none = bundle.predict([{"text": icon["text"]}]).probabilities
    assert np.abs(grey - none).max() > 1e-3


def test_both_together_are_better_than_a_guess_and_each_alone_still_answers(run):
    scores = {one["name"]: one["test"]["accuracy"]["value"] for one in run.candidates if one["test"]}
    assert scores["joint.v1"] > scores["majority.v1"] + 0.2
    dropped = run.report["modalities"]["dropped"]["figures"]
    assert set(dropped) == {"both", "text", "image"}
    assert dropped["both"]["value"] > scores["majority.v1"]
    lost = run.report["modalities"]["dropped"]["lost"]
    for case in ("text", "image"):
        gap = dropped["both"]["value"] - dropped[case]["value"]
        assert lost[case]["difference"] == pytest.approx(gap)
        assert lost[case]["low"] <= gap <= lost[case]["high"]
    assert all(0 <= figure["low"] <= figure["value"] <= figure["high"] <= 1 for figure in dropped.values())


def test_the_report_says_what_each_modality_adds(run):
    facts = run.report["modalities"]
    assert (
        facts["rows"] + facts["rows_without_image"] + facts["rows_without_text"]
        == run.report["data"]["rows"]["test"]
    )
    assert {reads: one["name"] for reads, one in facts["best"].items()}["image"] == "frozen_image.v1"
    assert facts["best"]["joint"]["name"] in ("joint.v1", "average.v1")
    for gain in facts["gains"]:
        pair = facts["best"]["joint"], facts["best"]["text" if gain["modality"] == "image" else "image"]
        values = [one["figure"]["value"] for one in pair]
        assert gain["difference"] == pytest.approx(values[0] - values[1])
    said = {"adds": "adds", "not shown": "is not shown to add anything", "takes": "it is worse"}
    page, chinese = render_report(run.report), render_report(run.report, language="zh")
    assert said[facts["gains"][0]["gain"]] in page
    assert "缺少其中之一时" in chinese
    assert "lost against both" in page


def test_labelled_rows_are_evaluated(run):
    found = metier.evaluate(run.folder / "candidates" / "joint.v1", ICONS / "data.csv")
    assert found.facts["rows"] == 128


def test_the_text_tower_may_be_of_int8(cut_to, tmp_path, icon):
    from metier.catalogue import resolve
    from metier.predictors import load_predictor

    rows = metier.read(ICONS / "data.csv")
    items, labels = TEXT_IMAGE.from_rows(rows)[:60], list(rows.column("label"))[:60]
    method = resolve("joint.v1")(base=str(cut_to(1, small=True)), C=0.01, temperature=1.0, precision="int8")
    method.set_params(missing_scales={"text": 1.0, "image": 1.0}).fit(items, labels)
    method.export(tmp_path / "joint")
    predictor = load_predictor(tmp_path / "joint")
    expected = method.predict_proba(items)
    assert np.abs(predictor.predict(items).probabilities - expected).max() < 0.2
    assert np.mean(np.array(predictor.predict(items).predicted) == method.predict(items)) > 0.9


@pytest.fixture(scope="module")
def few():
    rows = metier.read(ICONS / "data.csv")
    return TEXT_IMAGE.from_rows(rows)[:32], list(rows.column("label"))[:32]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("adaptation", "fusion"),
    [("top:1", "concat"), ("lora:4", "gated"), ("full", "bilinear"), ("bitfit", "concat")],
)
def test_the_loss_flows_into_both_towers(cut_to, tmp_path, few, adaptation, fusion):
    from metier.bases.huggingface_folder import load_encoder
    from metier.bases.image_base import image_base
    from metier.bases.image_network import load_image_network
    from metier.catalogue import resolve
    from metier.predictors import load_predictor

    base, (items, labels) = cut_to(1, small=True), few
    method = resolve("joint_encoder.v1")(
        base=str(base), epochs=1, adaptation=adaptation, fusion=fusion, precision="fp32"
    )
    method.fit(items, labels, validation=(items[:12], labels[:12]))
    towers = method.model_.encoder
    before = {"text": load_encoder(base), "image": load_image_network(image_base("auto"))}
    for name, old in before.items():
        weights = old.state_dict()
        moved = [
            float((weight - weights[key]).abs().max())
            for key, weight in getattr(towers, name).state_dict().items()
            if weight.is_floating_point()
        ]
        assert max(moved) > 1e-6
    method.export(tmp_path / "joint")
    found = load_predictor(tmp_path / "joint").predict(items)
    np.testing.assert_allclose(found.probabilities, method.predict_proba(items), atol=1e-3)


def test_a_tuned_fusion_is_calibrated_by_what_is_missing_and_exported_so(cut_to, tmp_path, few):
    from metier.catalogue import resolve
    from metier.predictors import load_predictor

    items, labels = few
    fixed = {"base": str(cut_to(1, small=True)), "adaptation": "head", "epochs": 1, "precision": "fp32"}
    method = resolve("joint_encoder.v1")(fusion="gated", start_epochs=2, **fixed)
    method.fit(items[:20], labels[:20], validation=(items[:12], labels[:12]))
    scales = method.chosen_params_["missing_scales"]
    assert {"text", "image"} == scales.keys()
    assert all(scale > 0 and scale != 1 for scale in scales.values())
    whole = next(item for item in items if item["text"] and item["image"])
    shown = [whole, {"text": whole["text"]}, {"image": whole["image"]}]
    set_so = resolve("joint_encoder.v1")(
        **method.get_params() | method.chosen_params_ | {"base": fixed["base"]}
    )
    plain = set_so.set_params(missing_scales={"text": 1.0, "image": 1.0}).fit(items[:20], labels[:20])
    logits = [np.log(one.predict_proba(shown)) for one in (method, plain)]
    spread = [found.max(axis=1) - found.min(axis=1) for found in logits]
    np.testing.assert_allclose(spread[0] / spread[1], [1, scales["text"], scales["image"]], rtol=1e-3)
    method.export(tmp_path / "joint")
    exported = load_predictor(tmp_path / "joint").predict(shown)
    np.testing.assert_allclose(exported.probabilities, method.predict_proba(shown), atol=1e-4)


def test_entries_of_joint_rows_are_changed_by_their_seed_alone_and_shown_without_a_modality(icon):
    from metier.image.augmentation import Augmentation
    from metier.image.picture import Picture
    from metier.image.preparation import Preparation
    from metier.multimodal.joint_rows import JointRows

    rows = JointRows(
        [[1, 2]],
        [Picture.of_file(icon["image"])],
        np.array([True]),
        None,
        0,
        Preparation(32, 32),
        views=2,
        image_views=2,
    )
    plain, changing = rows.batch(np.array([0, 1])).pixels, Augmentation(crop=0.5, colour=0.2)
    views = dataclasses.replace(rows, augmentation=changing).batch(np.array([0, 1])).pixels
    again = dataclasses.replace(rows, augmentation=changing).batch(np.array([1])).pixels
    assert (plain[0] == plain[1]).all()
    assert (views[0] != views[1]).any()
    assert (views[1] == again[0]).all()
    there = {
        case: [float(part) for part in (batch.has_text[0, 0], batch.has_image[0, 0])]
        for case in ("both", "text", "image")
        for batch in [dataclasses.replace(rows, shown=case).batch(np.array([0]))]
    }
    assert there == {"both": [1, 1], "text": [1, 0], "image": [0, 1]}
