"""Each technique on bundles of every kind: what fits answers as before or nearly, what does not is said."""

import numpy as np
import pytest

pytest.importorskip("torch", reason="needs metier[train]")

from metier.compression.inside import apply_inside
from metier.compression.techniques import parse_chain, technique_of
from metier.errors import CallError, CompressionError, UnknownNameError
from metier.predictors.loading import load_predictor, read_settings
from tests.compression.conftest import SEALED


def applied(name, folder, target, materials):
    target.mkdir()
    return apply_inside(technique_of(name), folder, target, materials)


def answers(folder, items):
    return list(load_predictor(folder).predict(items).predicted)


def agreement(folder, other, items):
    if read_settings(folder)["kind"] == "onnx_scorer.v1":
        return float(np.corrcoef(answers(folder, items), answers(other, items))[0, 1])
    pairs = zip(answers(folder, items), answers(other, items), strict=True)
    return float(np.mean([one == two for one, two in pairs]))


@pytest.mark.parametrize("name", ["int8", pytest.param("int8_static", marks=pytest.mark.slow)])
def test_int8_answers_nearly_as_fp32(kind, name, materials_of, tmp_path):
    materials = materials_of(kind)
    applied(name, SEALED / kind, tmp_path / "made", materials)
    assert read_settings(tmp_path / "made")["precision"] == "int8"
    assert agreement(SEALED / kind, tmp_path / "made", materials.train.items) > 0.9


def test_a_trimmed_vocabulary_answers_the_very_same(kind, materials_of, tmp_path):
    materials = materials_of(kind)
    if kind == "onnx_relation.v1":  # Its graph knows the marks by their numbers.
        with pytest.raises(CompressionError, match="vocabulary does not fit a predictor of kind onnx_relation"):
            applied("vocabulary", SEALED / kind, tmp_path / "made", materials)
        return
    facts = applied("vocabulary", SEALED / kind, tmp_path / "made", materials)
    assert facts["tokens"] <= facts["tokens_before"]
    assert answers(SEALED / kind, materials.train.items) == answers(tmp_path / "made", materials.train.items)
    unseen = "quixotic 謎 ζ zebra"
    if isinstance(materials.train.items[0], str):
        assert len(answers(tmp_path / "made", [unseen])) == 1


def test_heads_and_neurons_are_pruned_and_the_folder_is_a_base_again(kind, materials_of, tmp_path):
    from metier.bases.huggingface_folder import load_encoder

    materials = materials_of(kind)
    if kind == "onnx_bi_encoder.v1":
        with pytest.raises(CompressionError, match="does not fit"):
            applied("width:0.5", SEALED / kind, tmp_path / "made", materials)
        return
    facts = applied("width:0.5", SEALED / kind, tmp_path / "made", materials)
    encoder = load_encoder(tmp_path / "made" / "huggingface")
    heads = [block.attention.self.query.out_features for block in encoder.encoder.layer]
    size = encoder.encoder.layer[0].attention.self.attention_head_size
    assert heads == [size * n_heads for n_heads in facts["heads"]]
    assert len(answers(tmp_path / "made", materials.train.items)) == len(materials.train)


def test_a_bundle_without_weights_says_what_can_be_done(materials_of, tmp_path):
    import shutil

    bare = tmp_path / "bare"
    shutil.copytree(SEALED / "onnx_encoder.v1", bare, ignore=shutil.ignore_patterns("huggingface"))
    with pytest.raises(CompressionError, match="use int8 and vocabulary"):
        applied("layers:1", bare, tmp_path / "made", materials_of("onnx_encoder.v1"))


def test_as_many_layers_as_there_are_is_refused(materials_of, tmp_path):
    with pytest.raises(CompressionError, match="has 1 layers, and 1 were asked for"):
        applied("layers:1", SEALED / "onnx_encoder.v1", tmp_path / "made", materials_of("onnx_encoder.v1"))


def test_chains_are_read_and_wrong_ones_are_named():
    assert parse_chain("layers:4+vocabulary + int8") == ("layers:4", "vocabulary", "int8")
    with pytest.raises(UnknownNameError, match="Did you mean 'int8'"):
        parse_chain("int9")
    with pytest.raises(CallError, match="layers takes a number of layers"):
        parse_chain("layers:half")
    with pytest.raises(CallError, match="a share between 0 and 1"):
        parse_chain("width:2")
