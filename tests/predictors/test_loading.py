import json

import pytest
from safetensors import SafetensorError

from metier.errors import BundleError
from metier.predictors import load_predictor
from metier.predictors.constant import ConstantPredictor
from metier.predictors.loading import KINDS, as_bundle_error, read_settings, write_settings


def test_the_kind_picks_the_class(tmp_path):
    ConstantPredictor(probabilities=[0.5, 0.5], labels=["a", "b"], name="majority.v1").save(tmp_path)
    assert isinstance(load_predictor(tmp_path, threads=2), ConstantPredictor)


def test_an_unknown_kind_gives_the_nearest(tmp_path):
    write_settings(tmp_path, {"kind": "constnat.v1", "name": "x", "labels": ["a", "b"]})
    with pytest.raises(BundleError, match=r"Did you mean 'constant\.v1'"):
        load_predictor(tmp_path)


@pytest.mark.parametrize("content", ["{", "[1, 2]", "{}", '{"kind": 3, "name": "x", "labels": []}'])
def test_broken_settings_are_a_bundle_error(tmp_path, content):
    (tmp_path / "predictor.json").write_text(content)
    with pytest.raises(BundleError, match=r"predictor\.json"):
        load_predictor(tmp_path)


def test_an_empty_folder_is_a_bundle_error(tmp_path):
    with pytest.raises(BundleError, match=r"no predictor\.json"):
        load_predictor(tmp_path)


def test_settings_keep_every_letter(tmp_path):
    write_settings(tmp_path, {"kind": "constant.v1", "name": "x", "labels": ["账户 é", "\ud83d"]})
    assert read_settings(tmp_path)["labels"] == ["账户 é", "\ud83d"]
    json.loads((tmp_path / "predictor.json").read_bytes())


def test_every_kind_names_a_class_that_exists():
    for kind, path in KINDS.items():
        assert kind.rpartition(".v")[2].isdigit()
        # Only a decoder that has no graph here answers by torch, and says so where torch is missing.
        assert path.startswith("metier.transformer." if kind.startswith("torch_") else "metier.predictors.")


@pytest.mark.parametrize(
    "error", [FileNotFoundError("gone"), KeyError("labels"), TypeError("no number"), SafetensorError("cut")]
)
def test_what_breaks_while_files_are_read_is_a_bundle_error(tmp_path, error):
    said = rf"{tmp_path} holds no whole model \({type(error).__name__}: .*\)\. Take the folder from its source again\."
    with pytest.raises(BundleError, match=said) as caught, as_bundle_error(tmp_path, "holds no whole model"):
        raise error
    assert caught.value.__cause__ is error


def test_a_bug_of_ours_stays_one(tmp_path):
    with pytest.raises(ZeroDivisionError), as_bundle_error(tmp_path, "holds no whole model"):
        raise ZeroDivisionError
