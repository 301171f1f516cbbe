"""Gradients through a sealed graph: against onnxruntime, finite differences and sums; rollout against a product by hand."""

from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs metier[train]")
onnx = pytest.importorskip("onnx", reason="needs metier[train]")

from onnx import TensorProto, helper  # noqa: E402

from metier.errors import CallError  # noqa: E402
from metier.explanation import explain  # noqa: E402
from metier.explanation.gradients.graph_explainer import GraphExplainer, rollout  # noqa: E402
from metier.explanation.gradients.torch_graph import TorchGraph  # noqa: E402
from metier.explanation.word_methods import BY_TORCH, graph_words  # noqa: E402
from metier.export.onnx_graph import quantize  # noqa: E402
from metier.predictors.loading import load_predictor, read_settings, write_settings  # noqa: E402
from metier.predictors.onnx.graph_session import OnnxGraph  # noqa: E402
from metier.tasks.inputs import TEXT  # noqa: E402

SEALED = Path(__file__).parents[1] / "bundles" / "sealed_71959d8"
TEXTS = ["my card never came, where is it?", "我的卡丢了，怎么办？", "a refund " * 200]
KINDS = ["onnx_encoder.v1", "onnx_many_labels.v1", "onnx_scorer.v1"]


@pytest.fixture(params=["fp32", "int8"])
def folder(request, tmp_path):
    """A sealed encoder of one label, as it is and rounded to 8 bits."""
    source = SEALED / "onnx_encoder.v1"
    for path in source.iterdir():
        if path.is_file():
            (tmp_path / path.name).write_bytes(path.read_bytes())
    if request.param == "int8":
        quantize(source / "model.onnx", tmp_path / "model.onnx")
    write_settings(tmp_path, read_settings(source) | {"precision": request.param})
    return tmp_path


@pytest.mark.parametrize("text", TEXTS)
def test_integrated_gradients_add_up_to_the_score_but_for_the_stated_gap(folder, text):
    predictor = load_predictor(folder)
    ask = predictor.predict
    found = explain(
        ask, TEXT, text, method="integrated_gradients", graph=graph_words(folder), predictor=predictor
    )
    total = sum(word.contribution for word in found.words)
    weighed = found.weighed
    # What lies on punctuation is of no word.
    explainer = GraphExplainer.load(folder)
    windows = explainer._windows(text)
    assert sum(window.share for window in windows) == pytest.approx(1)
    probability = found.answer["probability"]
    score = np.log(probability) - np.log1p(-probability)
    rounded = read_settings(folder)["precision"] == "int8"
    assert found.score == pytest.approx(score, abs=1e-3)
    whole = found.score - weighed.baseline
    # Of this network, whose weights are random, rounding to 8 bits cuts a lot off.
    assert abs(weighed.gap) < (0.6 if rounded else 0.03 * max(abs(whole), 0.1))
    if "," not in text and "，" not in text:
        assert total == pytest.approx(whole - weighed.gap, abs=0.02 if rounded else 1e-3)


def test_gradients_are_those_of_finite_differences():
    folder = SEALED / "onnx_encoder.v1"
    explainer = GraphExplainer.load(folder)
    windows = explainer._windows("my card never came")
    [embeddings] = [explainer._graph.embed(window.ids) for window in windows]
    [gradient] = explainer._gradients(windows, [embeddings], 0)
    random = torch.Generator().manual_seed(0)
    way = torch.randn(embeddings.shape, generator=random)
    small = 1e-2
    above, below = (explainer._scores(windows, [embeddings + sign * small * way], 0)[0] for sign in (1, -1))
    assert float((gradient * way).sum()) == pytest.approx(float(above - below) / 2 / small, rel=0.02, abs=1e-4)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("method", BY_TORCH)
def test_labels_sets_of_labels_and_numbers_are_explained(kind, method):
    folder = SEALED / kind
    predictor = load_predictor(folder)
    text = "my card never came"
    label = predictor.labels[-1] if predictor.labels else None
    found = explain(predictor.predict, TEXT, text, label=label, method=method, graph=graph_words(folder))
    assert [text[word.start : word.end] for word in found.words] == text.split()
    assert np.isfinite([word.contribution for word in found.words]).all()
    if method == "attention_rollout":
        assert found.as_dict()["words_unit"] == "share of attention"
        assert 0 < sum(word.contribution for word in found.words) < 1
        assert all(word.contribution > 0 for word in found.words)


def test_the_graph_in_torch_gives_what_onnxruntime_gives(folder):
    settings = read_settings(folder)
    graph = TorchGraph.load(folder / "model.onnx")
    served = OnnxGraph.open(folder / "model.onnx", settings)
    ids = np.random.default_rng(0).integers(5, 200, size=(1, 12))
    ours = graph.run(torch.from_numpy(ids)).output.numpy()
    theirs = served.rows(ids.tolist())
    share = np.linalg.norm(ours - theirs) / np.linalg.norm(theirs)
    assert share < (0.02 if settings["precision"] == "int8" else 1e-5)


def test_rollout_is_the_product_of_layers_half_of_which_pass_by():
    random = np.random.default_rng(0)
    layers = random.dirichlet(np.ones(3), size=(2, 4, 3))  # 2 layers, 4 heads, 3 tokens.
    one, two = (0.5 * layer.mean(axis=0) + 0.5 * np.eye(3) for layer in layers)
    found = rollout([torch.from_numpy(layer).float() for layer in layers]).numpy()
    np.testing.assert_allclose(found, two @ one, atol=1e-6)
    np.testing.assert_allclose(found.sum(axis=1), 1, atol=1e-6)


def test_a_model_without_such_a_graph_is_refused_with_the_methods_it_has():
    for kind in ("linear.v1", "onnx_reader.v1", "onnx_pair_encoder.v1", "average.v1"):
        with pytest.raises(CallError, match="Use the method shapley or leave_one_out"):
            graph_words(SEALED / kind)


def test_an_unknown_operator_is_named(tmp_path):
    inputs = [
        helper.make_tensor_value_info(name, TensorProto.INT64, [1, "n"])
        for name in ("input_ids", "attention_mask")
    ]
    output = helper.make_tensor_value_info("vector", TensorProto.INT64, [1, "n"])
    node = helper.make_node("BitShift", ["input_ids", "attention_mask"], ["vector"], direction="LEFT")
    onnx.save(helper.make_model(helper.make_graph([node], "g", inputs, [output])), tmp_path / "model.onnx")
    with pytest.raises(CallError, match="no gradient is known here: BitShift"):
        TorchGraph.load(tmp_path / "model.onnx")


def test_a_graph_that_answers_otherwise_in_torch_is_refused(tmp_path):
    source = SEALED / "onnx_encoder.v1"
    for path in source.iterdir():
        if path.is_file():
            (tmp_path / path.name).write_bytes(path.read_bytes())
    explainer = GraphExplainer.load(tmp_path)
    constants = explainer._graph._constants
    name = next(name for name, one in constants.items() if one.dim() == 2 and one.shape[0] == one.shape[1] // 3)
    constants[name] *= 1.5
    with pytest.raises(CallError, match="would explain another model"):
        explainer.weigh("gradient_x_input", "my card never came", 0)
