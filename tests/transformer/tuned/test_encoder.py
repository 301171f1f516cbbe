from dataclasses import replace

import numpy as np
import psutil
import pytest
import torch
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

from metier.bases.huggingface_folder import load_model
from metier.bases.known_bases import resolve_base
from metier.bases.precision import mixed_precision
from metier.errors import SettingsError, TooFewLabelsError
from metier.machine import describe_machine
from metier.predictors.loading import load_predictor
from metier.training.encoder_passes import fastest_attention
from metier.training.learning_rate import default_learning_rate
from metier.transformer.frozen.frozen_method import FrozenLinear
from metier.transformer.tuned.encoder import Encoder


@pytest.fixture(scope="module")
def parts(queries):
    texts, labels = queries
    return (texts[:150], labels[:150]), (texts[150:190], labels[150:190]), (texts[190:], labels[190:])


@pytest.fixture(scope="module")
def fitted(tiny_base, parts):
    train, validation, _ = parts
    return Encoder(base=str(tiny_base), epochs=3, token_budget=512).fit(*train, validation=validation)


def log_loss(method, texts, labels):
    probabilities = method.predict_proba(texts)
    truth = np.searchsorted(method.classes_, labels)
    return -np.log(probabilities[np.arange(len(truth)), truth]).mean()


def test_it_knows_more_than_the_frozen_base_it_started_from(fitted, tiny_base, parts):
    train, validation, unseen = parts
    frozen = FrozenLinear(base=str(tiny_base)).fit(*train, validation=validation)
    assert log_loss(fitted, *unseen) < log_loss(frozen, *unseen)
    assert np.mean(fitted.predict(unseen[0]) == np.array(unseen[1])) > 0.85


def test_probabilities_are_probabilities_in_the_order_of_the_labels(fitted, parts):
    probabilities = fitted.predict_proba(["", "我的卡在哪里", "card " * 3000, parts[2][0][0]])
    assert probabilities.shape == (4, 6)
    assert probabilities.dtype == np.float64
    np.testing.assert_allclose(probabilities.sum(axis=1), 1)
    assert list(fitted.classes_) == sorted(set(parts[0][1]))


def test_the_head_starts_from_the_frozen_solution(tiny_base, parts):
    train, validation, unseen = parts
    settings = {"base": str(tiny_base), "C": 0.01}
    frozen = FrozenLinear(**settings).fit(*train, validation=validation)
    still = Encoder(**settings, epochs=1, learning_rate=1e-12).fit(*train, validation=validation)
    np.testing.assert_allclose(still.predict_proba(unseen[0]), frozen.predict_proba(unseen[0]), atol=1e-4)


def test_the_whole_base_moves_and_the_base_on_disk_does_not(fitted):
    before, after = load_model(fitted.base_).state_dict(), fitted.model_.encoder.state_dict()
    assert before.keys() == after.keys()
    moved = {name for name in before if not torch.equal(before[name], after[name])}
    assert "embeddings.word_embeddings.weight" in moved
    assert {name for name in before if ".layer." in name and name.endswith("dense.weight")} <= moved


def test_the_chosen_settings_refit_the_same_model_without_validation(fitted, parts):
    train, _, unseen = parts
    assert set(fitted.chosen_params_) == {"base", "C", "epochs", "stop_epoch", "temperature"}
    again = clone(fitted).set_params(**fitted.chosen_params_).fit(*train)
    # The solver of the head comes from another start, so the last digits of where it ends differ.
    np.testing.assert_allclose(again.predict_proba(unseen[0]), fitted.predict_proba(unseen[0]), atol=5e-3)


def test_without_validation_it_holds_rows_out_then_trains_on_all(tiny_base, parts):
    heard = []
    method = Encoder(base=str(tiny_base), epochs=1, token_budget=512).fit(*parts[0], listener=heard.append)
    tuning = {progress.total for progress in heard if "fine-tuning" in progress.what}
    assert len(tuning) == 2
    assert max(tuning) == 150
    assert method.chosen_params_["stop_epoch"] == 1
    assert method.predict_proba(parts[2][0]).shape == (50, 6)


def test_one_row_a_label_is_enough_to_train(tiny_base, parts):
    texts, labels = parts[0]
    first = [labels.index(label) for label in sorted(set(labels))]
    method = Encoder(base=str(tiny_base), epochs=1).fit([texts[i] for i in first], [labels[i] for i in first])
    assert method.decoder_.temperature == 1.0
    assert method.predict(texts[:2]).shape == (2,)


def test_an_exported_encoder_answers_the_same_without_torch(fitted, parts, tmp_path):
    method = clone(fitted).set_params(precision="fp32")
    vars(method).update({name: value for name, value in vars(fitted).items() if name != "precision"})
    method.export(tmp_path)
    texts = [*parts[2][0][:20], "", "[SEP] [PAD]", "word " * 400]
    answers = load_predictor(tmp_path).predict(texts)
    assert answers.labels == tuple(fitted.classes_)
    np.testing.assert_allclose(answers.probabilities, fitted.predict_proba(texts), atol=1e-4)


def test_the_clock_is_kept(tiny_base, parts):
    method = Encoder(base=str(tiny_base), epochs=1000, time_limit_minutes=2 / 60)
    method.fit(*parts[0], validation=parts[1])
    assert method.facts_["stopped_by"] == "clock"
    assert method.chosen_params_["epochs"] == method.chosen_params_["stop_epoch"] < 1000


def test_what_training_costs_is_measured_before(tiny_base, parts):
    texts = parts[0][0]
    before = psutil.Process().memory_info().rss  # Of everything that was tested before.
    cost = Encoder(base=str(tiny_base), token_budget=512).measure(texts)
    before = min(before, psutil.Process().memory_info().rss)  # Some of it may have been given back meanwhile.
    assert cost.seconds_per_epoch == pytest.approx(cost.seconds_per_row * len(texts))
    assert 1e-5 < cost.seconds_per_row < 5
    # Its head starts from a solution on the frozen base, which reads all rows once.
    assert cost.seconds_before == pytest.approx(cost.seconds_per_epoch / 3)
    assert 20e6 < cost.memory_bytes - before < 5e9  # What was freed before is taken again.
    assert Encoder(base=str(tiny_base), token_budget=2048).measure(texts).memory_bytes > 0


def test_faults_are_told_all_at_once_before_any_work():
    method = Encoder(
        epochs=0, learning_rate=-1, layer_decay=2, dropout=1, warmup_fraction=-0.1, precision="bf8"
    )
    with pytest.raises(SettingsError) as caught:
        method.fit(["a", "b"], ["x", "y"])
    for setting in ("epochs", "learning_rate", "layer_decay", "dropout", "warmup_fraction", "precision"):
        assert f"- {setting} is " in str(caught.value)


def test_wrong_rows_are_told(tiny_base):
    with pytest.raises(TooFewLabelsError):
        Encoder(base=str(tiny_base)).fit(["a", "b"], ["x", "x"])
    with pytest.raises(ValueError, match="2 texts and 1 labels"):
        Encoder(base=str(tiny_base)).fit(["a", "b"], ["x"])
    with pytest.raises(TypeError):
        Encoder(base=str(tiny_base)).fit(["a", None], ["x", "y"])
    with pytest.raises(NotFittedError):
        Encoder(base=str(tiny_base)).predict(["a"])


def test_the_learning_rate_falls_with_the_root_of_the_steps_within_bounds():
    assert default_learning_rate(600) == pytest.approx(1.5e-4)
    assert default_learning_rate(2400) == pytest.approx(0.75e-4)
    assert default_learning_rate(10) == 2.5e-4
    assert default_learning_rate(1_000_000) == 5e-5


def test_half_precision_is_used_only_where_the_processor_has_it(monkeypatch, exact_products):
    monkeypatch.setattr("metier.bases.precision.has_native_bfloat16", exact_products.__wrapped__)
    for has, expected in (
        (("avx2", "avx512f"), "no"),
        (("avx2", "avx512_bf16"), "bf16"),
        (("amx_bf16",), "bf16"),
        # torch has no matrix products in bf16 for ARM.
        (("asimd", "bf16"), "no"),
    ):
        machine = replace(describe_machine(), instruction_sets=has)
        monkeypatch.setattr("metier.bases.precision.describe_machine", lambda machine=machine: machine)
        assert mixed_precision() == expected


def test_attention_is_put_back_after_training(tiny_base, queries):
    texts, labels = queries
    encoder = Encoder(base=str(tiny_base), epochs=1, stop_epoch=1, C=1.0, temperature=1.0)
    encoder.fit(texts[:40], labels[:40])
    assert encoder.model_.encoder.config._attn_implementation == "sdpa"
    with fastest_attention(encoder.model_.encoder):
        assert encoder.model_.encoder.config._attn_implementation == "eager"
        plain = encoder.predict_proba(texts[40:50])
    np.testing.assert_allclose(plain, encoder.predict_proba(texts[40:50]), atol=1e-5)


@pytest.mark.parametrize(
    ("lengths", "form"), [([300, 20, 20], "sdpa"), ([300] + [20] * 16, "eager"), (None, "eager")]
)
def test_attention_is_the_one_for_the_rows_that_hold_most_tokens(tiny_base, lengths, form):
    model = load_model(resolve_base(str(tiny_base)))
    with fastest_attention(model, None if lengths is None else np.array(lengths)):
        assert model.config._attn_implementation == form
