"""The lines of the README in a Hugging Face folder, run as they stand, give what the predictor gives."""

import re

import numpy as np
import pytest

from metier.bases import load_model, resolve_base
from metier.export.graph_export import Exported, export_graph, plain_readme, pooled
from metier.predictors import load_predictor
from metier.predictors.onnx.graph_kinds import GRAPH_KINDS
from metier.tasks.answers.label import LabelDecoder

# Kind of predictor, how two vectors are compared, features of the head (0: no head).
PAIRS = [
    ("onnx_pair_encoder.v1", None, 384),
    ("onnx_bi_encoder.v1", "difference", 769),
    ("onnx_bi_encoder.v1", "cosine", 1),
    ("onnx_bi_encoder.v1", "cosine", 0),
]


@pytest.mark.parametrize(("kind", "comparison", "n_features"), PAIRS)
def test_pairs(kind, comparison, n_features, tiny_base, tmp_path, monkeypatch, capsys):
    random = np.random.default_rng(0)
    head = {"weight": random.normal(size=(2, n_features)), "bias": random.normal(size=2)} if n_features else {}
    labels = ("different", "same") if n_features else ()
    base = resolve_base(str(tiny_base))
    exported = Exported(
        kind,
        "some_method.v1",
        base,
        pooled(load_model(base), base, unit_length=comparison is not None),
        LabelDecoder(labels, 0.5),
        head=head,
        settings={"comparison": comparison} if comparison else {},
    )
    export_graph(exported, tmp_path, precision="fp32")
    names = run_readme(tmp_path, monkeypatch)
    predictor = load_predictor(tmp_path)
    texts = names.get("texts") or names["pairs"][0]
    if n_features:
        answers = predictor.predict([tuple(texts)])
        np.testing.assert_allclose(names["probabilities"], answers.probabilities, atol=1e-4)
        assert capsys.readouterr().out.strip() == str(answers.predicted)
    else:
        one, other = predictor.vectors(texts)
        assert float(capsys.readouterr().out) == pytest.approx(float(one @ other), abs=1e-4)


def run_readme(folder, monkeypatch):
    monkeypatch.chdir(folder)
    page = (folder / "huggingface" / "README.md").read_text(encoding="utf-8")
    names = {}
    exec(re.search(r"```python\n(.*?)```", page, re.DOTALL)[1], names)
    return names


@pytest.mark.parametrize("kind", GRAPH_KINDS)
@pytest.mark.parametrize("has_head", [True, False])
def test_every_kind_of_graph_has_a_page_with_lines_that_are_python(kind, has_head):
    page = plain_readme({"kind": kind, "reading": "whole"}, has_head=has_head)
    if GRAPH_KINDS[kind].fed == "marked":  # Its head is in the graph, so there is nothing to rebuild.
        assert "Its head is in `model.onnx`" in page
        return
    lines = re.search(r"```python\n(.*?)```", page, re.DOTALL)[1]
    compile(lines, kind, "exec")
    assert ("head.safetensors" in lines) == has_head
