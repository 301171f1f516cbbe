"""Few labels: names that are rows, batches in which labels have company, and an encoder that is drawn towards them."""

from itertools import islice

import numpy as np
import pytest
import torch
from sklearn.base import clone

from metier.bases.huggingface_folder import load_model
from metier.bases.known_bases import resolve_base
from metier.errors import SettingsError
from metier.predictors.loading import load_predictor
from metier.training.batching import TokenisedRows
from metier.training.contrastive import BATCH_ROWS, PooledVectors, VectorsByLength, balanced_batches
from metier.transformer.frozen import few_shot
from metier.transformer.frozen.descriptions import words_of
from metier.transformer.frozen.few_shot import FewShot
from metier.transformer.frozen.frozen_method import FrozenLinear


@pytest.fixture(scope="module")
def few(banking77):
    """Four rows of each of twelve labels, and two hundred others of these labels."""
    texts, labels = map(np.array, banking77("train"))
    wanted = np.unique(labels)[:12]
    random = np.random.default_rng(0)
    drawn = [random.permutation(np.flatnonzero(labels == label)) for label in wanted]
    seen, unseen = (np.concatenate(part) for part in ([own[:4] for own in drawn], [own[4:20] for own in drawn]))
    return (list(texts[seen]), list(labels[seen])), (list(texts[unseen]), list(labels[unseen]))


@pytest.fixture(scope="module")
def tuned(tiny_base, few):
    return FewShot(base=str(tiny_base), steps=8, learning_rate=4e-4, C=0.03, temperature=1.0).fit(*few[0])


def test_names_of_labels_are_words():
    found = [
        words_of(label)
        for label in ("card_arrival", "cardArrival", "Refund_not_showing_up", "退款", "3", "B12", "x")
    ]
    assert found == ["card arrival", "card Arrival", "Refund not showing up", "退款", None, None, None]


def test_names_help_where_rows_are_few(tiny_base, few):
    seen, (texts, labels) = few
    settings = {"base": str(tiny_base), "C": 0.03, "temperature": 1.0}
    named = FewShot(steps=0, **settings).fit(*seen)
    bare = FrozenLinear(**settings).fit(*seen)
    assert named.facts_["names_learned"] == 12
    right = [np.mean(method.predict(texts) == np.array(labels)) for method in (named, bare)]
    assert right[0] > right[1]
    nameless = FewShot(steps=0, label_names=False, **settings).fit(*seen)
    np.testing.assert_allclose(nameless.predict_proba(texts), bare.predict_proba(texts), atol=1e-6)


def test_tuning_draws_labels_together_on_texts_it_has_not_seen(tuned, few):
    texts, labels = few[1]
    gaps = []
    for encoder in (tuned.encoder_, None):
        vectors = tuned._vectors(encoder, texts)
        cosines = vectors @ vectors.T
        same = np.array(labels)[:, None] == np.array(labels)[None, :]
        gaps.append(cosines[same & ~np.eye(len(same), dtype=bool)].mean() - cosines[~same].mean())
    assert gaps[0] > gaps[1] + 0.02


def test_word_vectors_and_the_base_on_disk_stay(tuned):
    words = tuned.encoder_.get_input_embeddings().weight
    before = load_model(tuned.base_)
    assert torch.equal(words, before.get_input_embeddings().weight)
    moved = dict(tuned.encoder_.named_parameters())
    assert any(not torch.equal(weight, moved[name]) for name, weight in before.named_parameters())


def test_it_chooses_on_held_out_rows_and_a_refit_needs_none(tiny_base, few, monkeypatch):
    monkeypatch.setattr(few_shot, "STEPS", 4)
    seen, (texts, _) = few
    method = FewShot(base=str(tiny_base), steps=None).fit(*seen)
    losses = method.facts_["held_out_log_loss"]
    assert method.chosen_params_["steps"] == (0 if losses["frozen"] <= losses["tuned"] else 4)
    again = clone(method).set_params(**method.chosen_params_).fit(*seen)
    assert "held_out_log_loss" not in again.facts_
    np.testing.assert_allclose(again.predict_proba(texts), method.predict_proba(texts), atol=5e-3)


def test_encoders_are_compared_also_where_the_settings_of_the_head_are_given(tiny_base, few, monkeypatch):
    monkeypatch.setattr(few_shot, "STEPS", 4)
    method = FewShot(base=str(tiny_base), steps=None, C=0.01, temperature=1.0).fit(*few[0], validation=few[1])
    losses = method.facts_["held_out_log_loss"]
    assert np.isfinite([losses["frozen"], losses["tuned"]]).all()
    assert losses["frozen"] != losses["tuned"]
    assert method.chosen_params_["steps"] == (0 if losses["frozen"] <= losses["tuned"] else 4)


def test_an_exported_one_answers_the_same_without_torch(tuned, few, tmp_path):
    method = clone(tuned).set_params(precision="fp32")
    vars(method).update({name: value for name, value in vars(tuned).items() if name != "precision"})
    method.export(tmp_path)
    texts = [*few[1][0][:10], ""]
    answers = load_predictor(tmp_path).predict(texts)
    np.testing.assert_allclose(answers.probabilities, tuned.predict_proba(texts), atol=1e-4)


def test_one_row_a_label_is_enough(tiny_base, few):
    texts, labels = few[0]
    method = FewShot(base=str(tiny_base), steps=None).fit(texts[::4], labels[::4])
    assert method.chosen_params_["steps"] == 0
    assert len(method.classes_) == 12


def test_with_many_rows_it_does_not_race_unasked():
    assert FewShot().why_not(["text"] * 20, ["a", "b"] * 10) is None
    assert "half of the labels have 100 or more" in FewShot().why_not(["text"] * 200, ["a", "b"] * 100)


def test_faults_are_told_all_at_once():
    with pytest.raises(SettingsError) as told:
        FewShot(steps=-1, learning_rate=0).fit(["a", "b"], ["x", "y"])
    assert "steps is -1" in str(told.value)
    assert "learning_rate is 0" in str(told.value)


@pytest.mark.parametrize(("n_labels", "n_rows"), [(77, 9), (2, 8), (3, 50), (40, 2)])
def test_every_label_of_a_batch_has_company(n_labels, n_rows):
    truth = np.repeat(np.arange(n_labels), n_rows)
    batches = list(islice(balanced_batches(truth, random_state=0), 60))
    for batch in batches:
        assert len(batch) == len(set(batch.tolist())) <= BATCH_ROWS
        counts = np.unique(truth[batch], return_counts=True)[1]
        assert counts.min() >= 2
    assert set(np.concatenate(batches).tolist()) == set(range(len(truth)))


def test_rows_run_by_length_come_back_in_their_order(tiny_base):
    model = load_model(resolve_base(str(tiny_base)))
    random = np.random.default_rng(0)
    rows = TokenisedRows(
        [random.integers(1000, 2000, size=size) for size in random.integers(3, 30, size=40)], None, 0
    )
    batch = rows.batch(np.arange(40))
    with torch.no_grad():
        one, other = (kind(model, dropout=0.0)(batch) for kind in (PooledVectors, VectorsByLength))
    torch.testing.assert_close(one, other, atol=1e-5, rtol=1e-4)
