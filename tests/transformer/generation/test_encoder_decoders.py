"""Encoder-decoders from training to an answer without torch: T5, and BART with its forced and forbidden tokens."""

import copy
import json
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("torch", reason="needs metier[train]")
import torch

from metier.bundles.safety import check_is_data, walk_files
from metier.errors import BundleError
from metier.predictors import load_predictor
from metier.predictors.loading import read_settings
from metier.transformer.generation.generator import Generator

TALK = Path(__file__).parents[3] / "examples" / "chatterbot_corpus" / "en.jsonl"
KIND = "onnx_encoder_decoder.v1"
ALONE = """
import json, pathlib, sys
sys.modules["torch"] = sys.modules["transformers"] = sys.modules["onnx"] = None
from metier.predictors import load_predictor
predictor = load_predictor(pathlib.Path(sys.argv[1]))
texts = json.loads(sys.argv[2])
losses = [predictor.answer_loss(text, "Yes.") for text in texts[:2]]
print(json.dumps([list(predictor.predict(texts).predicted), "".join(predictor.stream(texts[0])), losses]))
"""


@pytest.fixture(scope="module")
def talk():
    """Questions and short answers that people wrote."""
    rows = [json.loads(line) for line in TALK.read_text("utf-8").splitlines()]
    known = {row["question"]: row["answer"] for row in rows if len(row["answer"]) < 40}
    return list(known)[:24], list(known.values())[:24]


@pytest.fixture(scope="module", params=["t5", "bart"])
def learned(request, talk, tiny_writers, tmp_path_factory):
    """Tuned on those rows, with an answer's room too small for some: what is cut ends as transformers ends it."""
    make = {"t5": tiny_writers.make_t5, "bart": tiny_writers.make_bart}[request.param]
    base = make(tmp_path_factory.mktemp(request.param), [*talk[0], *talk[1]])
    given = {"epochs": 25, "learning_rate": 5e-3, "adaptation": "full", "token_budget": 512}
    return Generator(base=str(base), max_new_tokens=14, precision="fp32", **given).fit(*talk)


@pytest.fixture(scope="module")
def exported(learned, tmp_path_factory):
    folder = tmp_path_factory.mktemp("exported")
    copy.copy(learned).export(folder)
    return folder


def test_training_lowers_the_loss(learned):
    losses = [epoch["loss"] for epoch in learned.facts_["epochs"]]
    assert losses[-1] < losses[0] / 2


def test_it_answers_without_torch_as_with_it(learned, exported, talk):
    settings = read_settings(exported)
    assert settings["kind"] == KIND
    assert settings["export"]["logits_apart"] < 1e-4
    texts = [*talk[0][:6], "", "我的卡还没有到", "card " * 300]
    command = [sys.executable, "-c", ALONE, str(exported), json.dumps(texts)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    answers, streamed, losses = json.loads(done.stdout)
    assert answers == learned.predict(texts)
    assert streamed == answers[0]
    assert all(loss > 0 for loss in losses)


def test_the_folder_is_data_and_a_cut_graph_is_said(exported, tmp_path):
    for path in walk_files(exported):
        check_is_data(path)
    for name in ("encoder.onnx", "model.onnx", "tokenizer.json", "predictor.json"):
        (tmp_path / name).write_bytes((exported / name).read_bytes())
    (tmp_path / "encoder.onnx").write_bytes((exported / "encoder.onnx").read_bytes()[:500])
    with pytest.raises(BundleError, match=r"encoder\.onnx|no model that can be loaded"):
        load_predictor(tmp_path)


def test_rows_side_by_side_are_answered_as_each_alone(exported, talk):
    predictor = load_predictor(exported)
    together = predictor.predict(talk[0]).predicted
    assert together == [predictor.predict([text]).predicted[0] for text in talk[0]]


def test_the_first_token_is_forced_and_padding_never_comes(learned, exported):
    rules = read_settings(exported)["token_rules"]
    is_bart = learned.predictor_.model.config.model_type == "bart"
    assert rules["start_id"] == (2 if is_bart else 0)
    assert (rules["first_id"], rules["never"]) == ((1, [0]) if is_bart else (None, []))


def test_eight_bits_prove_themselves_or_are_left(learned, tmp_path):
    method = copy.copy(learned)
    method.precision, method.facts_ = "auto", dict(learned.facts_)
    method.export(tmp_path)
    report = read_settings(tmp_path)["export"]
    assert report["precision"] in ("fp32", "int8")
    assert report["size_bytes"]["int8"] < report["size_bytes"]["fp32"]
    assert report["rows"] == 24


def test_a_graph_that_is_not_the_model_is_not_shipped(learned, talk, tmp_path, monkeypatch):
    """A formula that the writer does not know of: here the model adds something to its states."""
    model = learned.predictor_.model
    changed = model.get_decoder().register_forward_hook(
        lambda module, given, found: setattr(found, "last_hidden_state", found.last_hidden_state + 0.1)
    )
    try:
        method = copy.copy(learned)
        method.facts_ = dict(learned.facts_)
        method.export(tmp_path)
        expected = method.predict(talk[0][:2])
    finally:
        changed.remove()
    assert read_settings(tmp_path)["kind"] == "torch_generation.v1"
    assert "logits of its graph differ" in method.facts_["export"]["why"]
    assert not list(tmp_path.glob("*.onnx"))
    assert len(expected) == 2
    assert torch.is_tensor(next(model.parameters()))
