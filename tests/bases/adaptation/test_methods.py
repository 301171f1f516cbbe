"""Adaptations through the methods: what is learned, exported and read again."""

from dataclasses import asdict

import numpy as np
import pytest
import torch

from metier.bases.huggingface_folder import load_model
from metier.bases.known_bases import resolve_base
from metier.errors import SettingsError
from metier.predictors.loading import load_predictor
from metier.tasks.answers.answer_threshold import AnswerThreshold
from metier.transformer.tuned.bi_encoder import BiEncoder
from metier.transformer.tuned.corn_encoder import CornEncoder
from metier.transformer.tuned.encoder import CrossEncoder, Encoder
from metier.transformer.tuned.many_labels_encoder import ManyLabelsEncoder
from metier.transformer.tuned.reader import Reader
from metier.transformer.tuned.relation_encoder import RelationEncoder
from metier.transformer.tuned.score_encoder import ScoreEncoder
from metier.transformer.tuned.token_encoder import TokenEncoder

SETTLED = {"epochs": 2, "stop_epoch": 2, "precision": "fp32"}
TAGGED = (
    ["mutations in ataxia telangiectasia", "the breast cancer gene", "no disease here", "ataxia is rare"] * 3,
    [[[13, 34, "Disease"]], [[4, 17, "Disease"]], [], [[0, 6, "Disease"]]] * 3,
)


def states(encoder):
    ids = torch.tensor([[101, 2026, 4003, 2196, 2234, 102]])
    with torch.inference_mode():
        return encoder.eval()(input_ids=ids, attention_mask=torch.ones_like(ids)).last_hidden_state


def assert_reloads(method, folder):
    """The encoder is the same in its Hugging Face folder."""
    again = load_model(resolve_base(str(folder / "huggingface")))
    torch.testing.assert_close(states(again), states(method.model_.encoder), atol=1e-5, rtol=1e-4)


def test_encoder_learns_and_is_read_again(adaptation, small_base, labelled, tmp_path):
    method = Encoder(base=str(small_base), adaptation=adaptation, C=0.01, temperature=1.0, **SETTLED).fit(
        *labelled
    )
    method.export(tmp_path)
    answered = load_predictor(tmp_path).predict(labelled[0]).probabilities
    np.testing.assert_allclose(answered, method.predict_proba(labelled[0]), atol=1e-4)
    assert np.mean(method.predict(labelled[0]) == np.array(labelled[1])) > 0.8
    assert method.facts_["adaptation"] == adaptation
    assert adaptation == "full" or method.facts_["weights_trained"] < method.facts_["weights_all"] / 2
    assert_reloads(method, tmp_path)


def test_token_encoder_learns_and_is_read_again(adaptation, small_base, tmp_path):
    method = TokenEncoder(
        base=str(small_base), adaptation=adaptation, outside_bias=0.0, calibration=(1.0, 0.0), **SETTLED
    ).fit(*TAGGED)
    method.export(tmp_path)
    assert load_predictor(tmp_path).predict(TAGGED[0]).predicted == method.predict(TAGGED[0])
    assert method.facts_["adaptation"] == adaptation
    assert_reloads(method, tmp_path)


PAIRS = [
    {"text": text, "text_pair": other} for text in ("my card", "a bank") for other in ("my card", "a bank")
] * 2
RELATED = [
    {"text": "rain causes floods", "head": {"start": 0, "end": 4}, "tail": {"start": 12, "end": 18}},
    {"text": "floods follow rain", "head": {"start": 0, "end": 6}, "tail": {"start": 14, "end": 18}},
] * 4
ASKED = [
    {"question": "what is blue?", "passage": "The sky is blue."},
    {"question": "who sat?", "passage": "A cat sat."},
]
METHODS = {
    "relation": (RelationEncoder, {"temperature": 1.0}, RELATED, ["causes", "follows"] * 4),
    "cross": (CrossEncoder, {"temperature": 1.0, "C": 0.01}, PAIRS, ["same", "other", "other", "same"] * 2),
    "bi": (
        BiEncoder,
        {"head": {"weight": [[-5.0], [5.0]], "bias": [2.5, -2.5]}, "match_label": "same"},
        PAIRS,
        ["same", "other", "other", "same"] * 2,
    ),
    "reader": (
        Reader,
        {"verdict": asdict(AnswerThreshold())},
        ASKED,
        [[{"text": "The sky", "start": 0}], [{"text": "A cat", "start": 0}]],
    ),
    "corn": (
        CornEncoder,
        {"temperature": 1.0, "C": 0.01},
        ["bad", "fine", "good", "so bad"],
        ["1", "2", "3", "1"],
    ),
    "score": (
        ScoreEncoder,
        {"half_width": 1.0, "C": 0.1},
        ["bad", "fine", "good", "so bad"],
        [1.0, 2.0, 3.0, 1.0],
    ),
    "many": (
        ManyLabelsEncoder,
        {"rule": {}, "C": 0.01},
        ["a card", "a bank", "both"],
        [["card"], ["bank"], ["card", "bank"]],
    ),
}


@pytest.mark.parametrize("adaptation", ["lora:2", "head"])
@pytest.mark.parametrize("name", METHODS)
def test_every_method_takes_adaptations(name, adaptation, small_base):
    method_class, settings, items, targets = METHODS[name]
    method = method_class(base=str(small_base), adaptation=adaptation, **settings, **SETTLED)
    if (name, adaptation) == ("bi", "head"):
        with pytest.raises(SettingsError, match=r"no trainable head\. Use 'top:1'"):
            method.fit(items, targets)
        return
    method.fit(items, targets)
    assert method.facts_["adaptation"] == adaptation
    assert method.facts_["weights_trained"] < method.facts_["weights_all"] / 2
    assert method.facts_["frozen_states_kept"] == (adaptation == "head")
    assert len(method.predict(items)) == len(items)


def test_refuses_before_any_work(small_base, labelled):
    with pytest.raises(SettingsError, match=r"has 2 layers\. Take 'top:2'"):
        Encoder(base=str(small_base), adaptation="top:9").fit(*labelled)
    with pytest.raises(SettingsError, match="which is unknown"):
        TokenEncoder(base=str(small_base), adaptation="adaptor").fit(*TAGGED)


def test_adalora_resumes_to_the_same_answers(small_base, labelled, tmp_path, monkeypatch):
    monkeypatch.setattr("metier.training.loop.SECONDS_BETWEEN_REPORTS", 0.0)
    settings = {
        "base": str(small_base),
        "adaptation": "adalora:2",
        "C": 0.01,
        "temperature": 1.0,
        "precision": "fp32",
    }
    whole = Encoder(epochs=2, stop_epoch=2, **settings).fit(*labelled)

    class Killed(Exception):
        pass

    reports = []

    def kill_in_the_second_epoch(progress):
        reports.extend([1] if progress.facts.get("epoch", 0) == 2 else [])
        if len(reports) > 1:
            raise Killed

    resumed = Encoder(epochs=2, stop_epoch=2, checkpoint_folder=tmp_path, **settings)
    with pytest.raises(Killed):
        resumed.fit(*labelled, listener=kill_in_the_second_epoch)
    assert list(tmp_path.glob("step-*"))
    resumed.fit(*labelled)
    np.testing.assert_allclose(resumed.predict_proba(labelled[0]), whole.predict_proba(labelled[0]), atol=1e-6)
