"""From rows with a text and an image to a sealed bundle in which each finds the other, without torch."""

import base64
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
from metier.errors import DataError, EmptyDataError
from metier.multimodal.aligned import Aligned
from metier.multimodal.aligned_linear import AlignedLinear
from metier.serving import build_app
from metier.serving.settings import ServingSettings
from metier.tasks.retrieval import Retrieval

pytest.importorskip("PIL", reason="needs metier[image]")
ICONS = Path(__file__).parents[2] / "examples" / "titled_icons"
pytestmark = pytest.mark.skipif(known_base("efficientnet-lite0").source is None, reason="needs metier[image]")


@pytest.fixture(scope="module")
def table():
    """Icons whose title is the name of their category: few texts, and several images of each."""
    rows = metier.read(ICONS / "data.csv", text="label", label="none", split="none", image="image")
    named = [at for at, name in enumerate(rows.column("image")) if name]
    picked = rows.take(named)
    return [
        {"image": path, "text": f"a drawing of {text}"}
        for path, text in zip(picked.image_files, picked.texts, strict=True)
    ]


@pytest.fixture(scope="module")
def base(cut_to):
    return str(cut_to(1, small=True))


def parts(table):
    rows = metier.read(table, text="text", image="image")
    order = np.random.default_rng(0).permutation(len(rows))
    train, unseen = rows.take(order[:80]), rows.take(order[80:])
    task = Retrieval.from_rows(train).with_rows(unseen)
    return task, [(task.items(part), task.targets(part)) for part in (train, unseen)]


@pytest.mark.parametrize("kind", [AlignedLinear, Aligned])
def test_new_images_of_known_texts_are_found_far_above_chance(table, base, kind):
    task, (known, unseen) = parts(table)
    fitted = kind(collection=task.collection, base=base).fit(*known, validation=unseen)
    first = [found[0] in ids for ids, found in zip(unseen[1], fitted.predict(unseen[0]), strict=True)]
    by_chance = np.mean([len(ids) / len(task.collection.searched) for ids in unseen[1]])
    assert np.mean(first) > 1.5 * by_chance
    assert fitted.facts_["texts"] == len(unseen[0]) < fitted.facts_["texts"] + len(task.collection.hidden)


def test_only_what_was_learned_from_is_a_positive(table, base):
    task, (known, _) = parts(table)
    fitted = Aligned(collection=task.collection, base=base, steps=3).fit(*known)
    again = Aligned(collection=task.collection, base=base, steps=3).fit(*known)
    np.testing.assert_array_equal(fitted.predictor_.vectors, again.predictor_.vectors)


def test_without_a_collection_or_pairs_it_says_so(table, base):
    task, (known, _) = parts(table)
    with pytest.raises(DataError, match="no collection"):
        AlignedLinear(base=base).fit(*known)
    with pytest.raises(EmptyDataError, match="0 of 80 have one"):
        AlignedLinear(base=base, collection=task.collection).fit(known[0], [["nothing"]] * 80)


@pytest.fixture(scope="module")
def run(table, base, tmp_path_factory):
    rows = metier.read(table, text="text", image="image")
    return metier.train(
        rows,
        task="retrieval",
        base=base,
        candidates=["popularity", "aligned_linear"],
        refit=False,
        run=tmp_path_factory.mktemp("aligned") / "run",
    )


def test_a_run_keeps_equal_texts_together_and_answers_either_way_round_without_torch(run, table):
    assert any("equal texts" in note for note in run.report["data"]["notes"])
    question = {"text": table[0]["text"]}
    path = table[1]["image"]
    code = (
        "import sys\nsys.modules['torch'] = None\nimport metier, json\n"
        f"bundle = metier.load({str(run.folder / 'aligned_linear.v1')!r})\n"
        f"asked = [{question!r}, {{'image': {path!r}}}]\n"
        "print(json.dumps([bundle.predict(asked).record(row) for row in (0, 1)]))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    text, image = json.loads(done.stdout)
    assert len(text["matches"]) == len(image["matches"]) == 10
    assert image["matches"][0]["image"] == path  # An image is nearest to itself.
    assert not any(path.encode() in file.read_bytes() for file in run.folder.glob("candidates/*/model*.json"))


def test_over_http_the_image_is_in_base64(run, table):
    data = base64.b64encode(Path(table[1]["image"]).read_bytes()).decode()
    with TestClient(
        build_app(lambda: metier.load(run.folder / "aligned_linear.v1"), ServingSettings())
    ) as client:
        while client.get("/readyz").status_code != 200:
            pass
        found = client.post("/v1/predict", json={"rows": [{"image": data}, {"text": "a drawing of people"}]})
        refused = client.post("/v1/predict", json={"rows": [{"image": table[1]["image"]}]})
    assert [len(answer["matches"]) for answer in found.json()["answers"]] == [10, 10]
    assert found.json()["answers"][0]["matches"][0]["image"] == table[1]["image"]
    assert refused.status_code == 422


def test_a_terminal_shows_the_names_of_images(run, table, capsys):
    assert program.run(["predict", str(run.folder / "aligned_linear.v1"), "a drawing of people", "--json"]) == 0
    [match, *_] = json.loads(capsys.readouterr().out)["matches"]
    assert match["image"] in {row["image"] for row in table}


def test_tuned_encoders_begin_where_the_closed_form_is_and_go_back_there_if_that_is_better(table, base):
    from metier.multimodal.aligned_encoder import AlignedEncoder

    task, (known, unseen) = parts(table)
    settings = {"collection": task.collection, "base": base, "size": 16}
    start = AlignedEncoder(stop_epoch=0, **settings).fit(*known, validation=unseen)
    assert start.chosen_params_["stop_epoch"] == 0
    # A rate that destroys what was learned: the encoders as they came are kept.
    wild = AlignedEncoder(adaptation="top:1", epochs=1, learning_rate=1.0, **settings)
    wild.fit(*known, validation=unseen)
    assert wild.facts_["kept"] == "start"
    assert wild.chosen_params_["stop_epoch"] == 0
    assert wild.predict(unseen[0]) == start.predict(unseen[0])
