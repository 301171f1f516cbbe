"""From rows with images to a sealed bundle that answers without torch, in a terminal and over HTTP."""

import base64
import csv
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from starlette.testclient import TestClient

import metier
from metier.bases.known_base import known_base
from metier.cli import program
from metier.errors import CallError, UnknownNameError
from metier.serving import build_app
from metier.serving.settings import ServingSettings

pytest.importorskip("PIL", reason="needs metier[image]")
GROCERIES = Path(__file__).parents[2] / "examples" / "groceries"
pytestmark = pytest.mark.skipif(known_base("efficientnet-lite0").source is None, reason="needs metier[image]")


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    rows = metier.read(GROCERIES / "data.csv")
    half = rows.take(range(0, len(rows), 2))
    wanted = ("majority.v1", "frozen_image.v1")
    return metier.train(half, candidates=wanted, run=tmp_path_factory.mktemp("images") / "run")


@pytest.fixture(scope="module")
def client(run):
    settings = ServingSettings(max_image_bytes=20_000, max_request_pixels=35_000)
    with TestClient(build_app(lambda: metier.load(run.folder), settings)) as client:
        while client.get("/readyz").status_code != 200:
            pass
        yield client


def first_photo(split="test"):
    with (GROCERIES / "data.csv").open(encoding="utf-8") as file:
        return next(
            (GROCERIES / row["image"], row["label"]) for row in csv.DictReader(file) if row["split"] == split
        )


def test_the_network_is_worth_its_cost_on_photographs(run):
    scores = {
        one["name"]: one["test"]["accuracy"]["value"] for one in run.candidates if one["status"] == "trained"
    }
    assert run.best.name == "frozen_image.v1"
    assert scores["frozen_image.v1"] > scores["majority.v1"] + 0.4


def test_a_bundle_answers_without_torch_and_knows_no_tokenizer(run):
    path, _ = first_photo()
    code = (
        "import sys\nsys.modules['torch'] = None\nimport metier\n"
        f"bundle = metier.load({str(run.folder)!r})\n"
        f"print(bundle.predict([{{'image': {str(path)!r}}}]).predicted[0], 'transformers' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == [run.best.predict([{"image": str(path)}]).predicted[0], "False"]
    assert not list((run.folder / "best").resolve().glob("tokenizer*"))


def test_a_file_and_single_paths_are_answered_and_a_broken_row_says_why(run, tmp_path, capsys):
    path, _ = first_photo()
    table = tmp_path / "rows.csv"
    (tmp_path / "one.jpg").write_bytes(path.read_bytes())
    table.write_text("image,label\none.jpg,x\nnone.jpg,x\n../one.jpg,x\n", encoding="utf-8")
    assert (
        program.run(["predict", str(run.folder), "--input", str(table), "--output", str(tmp_path / "out.csv")])
        == 0
    )
    with (tmp_path / "out.csv").open(encoding="utf-8") as file:
        one, none, outside = csv.DictReader(file)
    assert (one["image"], one["answered_by"], one["not_answered"]) == ("one.jpg", "frozen_image.v1", "")
    assert none["not_answered"] == "none.jpg cannot be used: there is no such file"
    assert "lies outside" in outside["not_answered"]
    capsys.readouterr()
    assert program.run(["predict", str(run.folder), str(path), "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["label"] == one["predicted_label"]
    assert np.isclose(answer["probability"], float(one["probability"]), atol=1e-4)


def test_a_request_holds_the_image_itself(client, run):
    path, _ = first_photo()
    data = base64.b64encode(path.read_bytes()).decode()
    expected = run.best.predict([{"image": path.read_bytes()}]).predicted[0]
    assert client.post("/v1/predict", json={"image": data}).json()["label"] == expected
    both = client.post(
        "/v1/predict", json={"rows": [{"image": data}, {"image": f"data:image/jpeg;base64,{data}"}]}
    )
    assert [answer["label"] for answer in both.json()["answers"]] == [expected, expected]


def test_the_pixels_of_a_request_are_counted_before_any_is_decoded(client):
    row = {"image": base64.b64encode(first_photo()[0].read_bytes()).decode()}
    refused = client.post("/v1/predict", json={"rows": [row] * 4})
    assert (refused.status_code, refused.json()["error"]["code"]) == (413, "too_many_pixels")


@pytest.mark.parametrize(
    ("image", "status", "said"),
    [
        (str(first_photo()[0]), 422, "it is not base64"),  # A path is never opened.
        (base64.b64encode(b"no picture").decode(), 422, "its content is not JPEG"),
        (base64.b64encode(first_photo()[0].read_bytes()[:900]).decode(), 422, "it is cut short or damaged"),
        ("", 422, "it is empty"),
        ({"path": "/etc/passwd"}, 422, "should be an image"),
        (base64.b64encode(bytes(30_000)).decode(), 413, "30,000 bytes; 20,000 bytes are allowed"),
    ],
)
def test_a_request_that_cannot_be_answered_is_said_why(client, image, status, said):
    refused = client.post("/v1/predict", json={"image": image})
    assert (refused.status_code, said in refused.json()["error"]["message"]) == (status, True), refused.text


def test_words_of_images_are_not_augmented(tmp_path):
    with pytest.raises(CallError, match="Images cannot be augmented"):
        metier.train(GROCERIES / "data.csv", run=tmp_path / "run", settings={"data": {"augment": "eda"}})


def test_a_base_that_reads_is_none_for_images():
    from metier.catalogue import resolve

    with pytest.raises(UnknownNameError, match="efficientnet-lite0"):
        resolve("frozen_image.v1")(base="minilm").fit([{"image": str(first_photo()[0])}] * 4, list("aabb"))
