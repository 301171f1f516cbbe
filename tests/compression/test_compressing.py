"""`compress` from a trained bundle to a sealed smaller one, and what bad input gets."""

import csv
import json

import pytest

pytest.importorskip("torch", reason="needs metier[train]")

import metier
from metier.bundles import load_bundle, read_manifest
from metier.compression import compress
from metier.errors import CallError, CompressionError, UnknownLabelError
from tests.compression.conftest import SEALED, labelled


def write_rows(path, rows):
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return path


@pytest.fixture(scope="module")
def rows(tmp_path_factory):
    folder = tmp_path_factory.mktemp("rows")
    return {
        "train": write_rows(folder / "train.csv", labelled()),
        "fresh": write_rows(
            folder / "fresh.csv", [{**one, "text": one["text"] + " now"} for one in labelled()]
        ),
    }


@pytest.fixture(scope="module")
def linear(rows, tmp_path_factory):
    run = tmp_path_factory.mktemp("linear") / "run"
    metier.train(
        rows["train"],
        test=rows["fresh"],
        candidates=["tfidf_linear"],
        budget=2,
        refit=False,
        keep_rare=True,
        run=run,
    )
    return run


def small(bundle, rows, tmp_path, **options):
    given = {"validation": rows["fresh"], "margin": 0.4, "output": tmp_path / "small", **options}
    return compress(bundle, rows["train"], **given)


def test_the_bundle_that_comes_out_is_sealed_and_says_what_it_was_made_from(linear, rows, tmp_path):
    found = small(linear, rows, tmp_path, test=rows["fresh"])
    assert found.is_written
    assert (
        found.facts["test"]["after"]["accuracy"]["value"]
        == read_manifest(tmp_path / "small").metrics["test"]["accuracy"]["value"]
    )
    manifest, source = read_manifest(tmp_path / "small"), load_bundle(linear).manifest
    made = manifest.compression
    assert made["chain"] == list(found.chosen.chain)
    assert made["made_from"]["name"] == source.name
    assert made["judgement"]["verdict"] == "equivalent"
    assert "## How it was made smaller" in (tmp_path / "small" / "README.md").read_text("utf-8")
    assert len(load_bundle(tmp_path / "small").predict(["I lost my card"]).predicted) == 1
    assert not list(tmp_path.glob(".small*"))


def test_a_linear_model_is_stored_in_few_bytes(linear, rows, tmp_path):
    found = small(linear, rows, tmp_path)
    [point] = found.points
    assert point.chain == ("sparse",)
    assert point.size_bytes < found.facts["source"]["size_bytes"]


def test_what_is_neither_faster_nor_smaller_is_refused_with_the_figures(rows, tmp_path):
    found = small(SEALED / "trained_classification", rows, tmp_path, chains=["vocabulary", "layers:1"])
    assert "nor smaller" in found.points[0].refused or found.points[0].timing.is_faster
    assert "1 were asked for" in found.points[1].refused


@pytest.mark.slow
def test_a_refit_learns_from_the_validation_rows_too(rows, tmp_path):
    bundle = SEALED / "trained_classification"
    found = small(bundle, rows, tmp_path, chains=["static"], refit=True, margin=0.49)
    assert found.is_written
    assert read_manifest(tmp_path / "small").data.trained_on == "train + validation"
    assert load_bundle(tmp_path / "small").predict(["my card is gone"]).predicted == ["lost_card"]


@pytest.mark.slow
def test_a_cascade_in_front_of_a_smaller_encoder_is_certified_and_refitted(rows, tmp_path):
    bundle = SEALED / "trained_classification"
    chain = "width:0.5+vocabulary+int8+cascade+sparse"
    found = small(bundle, rows, tmp_path, chains=[chain], refit=True, margin=0.49)
    refused = found.points[0].refused
    assert not refused or "certified" in refused or "rule out" in refused
    if found.is_written:
        assert load_bundle(tmp_path / "small").manifest.predictor.kind == "cascade.v1"


def test_a_target_that_nothing_reaches_shows_the_nearest_and_writes_nothing(linear, rows, tmp_path):
    found = small(linear, rows, tmp_path, target="size_mb=0.000001")
    assert not found.is_written
    assert found.facts["nearest"] == "sparse"
    assert not (tmp_path / "small").exists()


def test_interrupted_work_is_gone_on_with(linear, rows, tmp_path, monkeypatch):
    from metier.compression import points

    def broken(*given, **options):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(points, "judge", broken)
        with pytest.raises(KeyboardInterrupt):
            small(linear, rows, tmp_path)
    assert not (tmp_path / "small").exists()
    made = next(tmp_path.glob(".small.work-*/points/sparse")).stat().st_mtime_ns
    monkeypatch.setattr(points, "apply_inside", broken)  # Nothing is made twice.
    assert small(linear, rows, tmp_path).is_written
    assert made


def test_a_bundle_without_anything_to_compress_is_refused(rows, tmp_path):
    with pytest.raises(CompressionError, match="neither an encoder that reads tokens nor a linear model"):
        small(SEALED / "constant.v1", rows, tmp_path)


def test_rows_of_other_labels_are_refused(linear, rows, tmp_path):
    odd = write_rows(tmp_path / "odd.csv", [*labelled(), {"text": "what", "label": "odd"}])
    with pytest.raises(CompressionError, match="labels that the model does not know"):
        compress(linear, odd, validation=rows["fresh"], margin=0.4, output=tmp_path / "small")
    other = write_rows(
        tmp_path / "other.csv", [{"text": f"text {n}", "label": "abc"[n % 3]} for n in range(30)]
    )
    with pytest.raises(UnknownLabelError):
        compress(linear, other, validation=rows["fresh"], margin=0.4, output=tmp_path / "small")


def test_too_few_rows_for_the_margin_are_refused(linear, rows, tmp_path):
    with pytest.raises(
        CompressionError, match="48 validation rows cannot show that a model loses less than 1 points"
    ):
        small(linear, rows, tmp_path, margin=0.01)


@pytest.mark.parametrize("target", ["speed=1", "latency_ms=fast", "size_mb=-1"])
def test_a_target_of_another_form_is_refused(linear, rows, tmp_path, target):
    with pytest.raises(CallError, match="A target is latency_ms=NUMBER or size_mb=NUMBER"):
        small(linear, rows, tmp_path, target=target)


def test_nothing_is_overwritten_unasked(linear, rows, tmp_path):
    (tmp_path / "small").mkdir()
    with pytest.raises(CallError, match="There is something at"):
        small(linear, rows, tmp_path)
    with pytest.raises(CallError, match="is not a bundle, so it is not replaced"):
        small(linear, rows, tmp_path, overwrite=True)


def test_facts_are_plain(linear, rows, tmp_path):
    assert json.loads(json.dumps(small(linear, rows, tmp_path).facts))["format"] == "metier.compression.v1"
