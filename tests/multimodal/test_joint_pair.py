"""Pairs of which each side has a text, an image or both: read, refused where a side is empty, learned, and served."""

import base64
import csv
import json
from pathlib import Path

import numpy as np
import pytest
from sklearn.preprocessing import normalize

import metier
from metier.audit.audit import examine
from metier.errors import MissingSideError
from metier.multimodal.fusions.pair import PairOutputs, fit_pair_fusion
from metier.multimodal.tower_outputs import TowerOutputs
from metier.serving import ServingSettings
from metier.serving.refusals import RefusalError
from metier.serving.request_reading import read_request
from metier.tasks.answers import LABEL
from metier.tasks.inputs import IMAGE, PAIR, PAIR_IMAGE
from metier.tasks.task_table import load_task
from metier.training.heads.frozen_heads import Rows

pytest.importorskip("PIL", reason="needs metier[image]")
ICONS = Path(__file__).parents[2] / "examples" / "titled_icons"
ROLES = {
    "text": "text",
    "image": "image",
    "text_pair": "text_pair",
    "image_pair": "image_pair",
    "label": "label",
}
DATA = base64.b64encode(IMAGE.trial["image"]).decode()


@pytest.fixture(scope="module")
def rows():
    return metier.read(ICONS / "pairs.csv", **ROLES)


def test_a_side_is_a_text_an_image_or_both(rows):
    task = load_task("text_pair").from_rows(rows)
    assert task.input is PAIR_IMAGE
    read = task.input.read(task.items(rows))
    forms = {(bool(side.text), side.picture is not None) for pair in read for side in pair}
    assert forms == {(True, True), (True, False), (False, True)}
    assert PAIR_IMAGE.row_faults(rows) == {}
    assert all(PAIR_IMAGE.fault(item) is None for item in task.items(rows))


def test_one_side_may_be_images_and_the_other_texts_in_all_rows():
    roles = {"image": "image", "text_pair": "text_pair", "label": "label"}
    with (ICONS / "pairs.csv").open(encoding="utf-8", newline="") as file:
        table = [row for row in csv.DictReader(file) if row["image"] and row["text_pair"]]
    some = metier.read([{**row, "image": str(ICONS / row["image"])} for row in table], **roles)
    task = load_task("text_pair").from_rows(some)
    [first, *_] = task.input.read(task.items(some))
    assert (first.one.text, first.other.picture) == ("", None)
    assert first.one.picture is not None
    assert first.other.text


def test_pairs_of_texts_stay_what_they_are():
    some = metier.read(ICONS / "pairs.csv", text="text", text_pair="text_pair", image="none", label="label")
    assert load_task("text_pair").from_rows(some).input is PAIR


def test_the_check_finds_a_side_with_nothing_in_it_and_no_other(tmp_path):
    row = {"text": "a cast", "image": "", "text_pair": "", "image_pair": "", "label": "same"}
    file = tmp_path / "rows.jsonl"
    whole = [{**row, "text_pair": f"a scale {n}", "label": ("same", "other")[n % 2]} for n in range(6)]
    file.write_text("".join(json.dumps(one) + "\n" for one in [*whole, row]), "utf-8")
    found = metier.read(file, **ROLES)
    assert PAIR_IMAGE.row_faults(found) == {6: "text_pair and image_pair are both empty"}
    [finding] = [one for one in examine(found).findings if one.check == "missing-sides"]
    assert finding.rows == (6,)
    with pytest.raises(MissingSideError, match="row 7"):
        PAIR_IMAGE.read(PAIR_IMAGE.from_rows(found))
    icons = metier.read(ICONS / "pairs.csv", **ROLES)
    assert "missing-sides" not in {one.check for one in examine(icons).findings}


@pytest.mark.parametrize(
    ("body", "code", "field"),
    [
        ({"text": "a"}, "bad_request", "text"),
        ({"text": "a", "image_pair": "?"}, "bad_image", "image_pair"),
        ({"text": "a", "image_pair": 3}, "bad_request", "image_pair"),
        ({"rows": [{"image": DATA, "text_pair": "b"}, {"image": DATA}]}, "bad_request", "rows.1"),
        ({"text": "a", "image_two": DATA}, "unknown_field", "image_two"),
    ],
)
def test_a_wrong_pair_in_a_request_is_refused(body, code, field):
    with pytest.raises(RefusalError) as caught:
        read_request(json.dumps(body).encode(), ServingSettings(), PAIR_IMAGE)
    assert (caught.value.status, caught.value.code, caught.value.field) == (422, code, field)


def test_the_images_of_both_sides_count_against_the_limits():
    body = json.dumps({"image": DATA, "image_pair": DATA}).encode()
    assert len(read_request(body, ServingSettings(), PAIR_IMAGE).items) == 1
    with pytest.raises(RefusalError) as caught:
        read_request(body, ServingSettings(max_request_pixels=1), PAIR_IMAGE)
    assert (caught.value.status, caught.value.code) == (413, "too_many_pixels")


def towers(texts, images, *, has_text=True, has_image=True):
    there = [np.full(len(texts), is_there) for is_there in (has_text, has_image)]
    values = [values * mask[:, None] for values, mask in zip((texts, images), there, strict=True)]
    return TowerOutputs(*(value.astype(np.float32) for value in values), *there)


def test_a_text_and_an_image_are_matched_through_the_pairs_that_belong_together():
    """Things whose text and image are two views of the same six numbers; the things of the test were never seen."""
    random = np.random.default_rng(0)
    views = [random.standard_normal((6, size)) for size in (12, 20)]

    def drawn(n):
        things = random.standard_normal((n, 6))
        texts, images = (
            normalize(things @ view + 0.05 * random.standard_normal((n, view.shape[1]))) for view in views
        )
        is_match = np.arange(n) % 2 == 0
        other = np.where(is_match, np.arange(n), np.roll(np.arange(n), 5))
        pairs = PairOutputs(
            towers(texts, images, has_image=False), towers(texts[other], images[other], has_text=False)
        )
        labels = np.where(is_match, "match", "other").tolist()
        return Rows(pairs, LABEL.check([{}] * n, labels)), is_match

    known, _ = drawn(240)
    asked, is_match = drawn(120)
    given = {"C": 1.0, "temperature": 1.0, "random_state": 0}
    fitted = fit_pair_fusion(known, None, LABEL, given)
    found = fitted.logits(asked.features)
    assert np.mean((found[:, 0] > found[:, 1]) == is_match) > 0.9
    assert fitted.facts["texts_with_images"] == 120
    again = fitted.logits(asked.features[np.arange(3)])
    np.testing.assert_allclose(again, found[:3], rtol=1e-4, atol=1e-5)
