"""Texts put differently: batches, the loss by hand, and learning from real rows."""

import numpy as np
import pytest
import torch

from metier.errors import SettingsError
from metier.training.batching import TokenBatch, TokenisedRows
from metier.transformer.tuned.encoder import Encoder
from metier.transformer.unlabelled.consistency import (
    ORIGINAL,
    OTHER,
    ConsistencyRows,
    consistency,
    other_versions,
)
from metier.transformer.unlabelled.consistency_encoder import ConsistencyEncoder, ConsistencySettings

LABELS = ("card_arrival", "exchange_rate", "age_limit")


def test_a_batch_holds_labelled_rows_then_texts_then_their_other_versions():
    labelled = TokenisedRows([[1, 2], [3]], np.array([0, 1]), 0)
    rows = ConsistencyRows.of(labelled, [[4, 5, 6], [7]], [[4, 6], [7, 8]])
    batch = rows.batch(np.array([2, 0, 3, 1]))
    assert batch.input_ids.tolist() == [[1, 2, 0], [3, 0, 0], [4, 5, 6], [7, 0, 0], [4, 6, 0], [7, 8, 0]]
    assert batch.labels.tolist() == [0, 1, ORIGINAL, ORIGINAL, OTHER, OTHER]


def test_the_loss_is_what_one_works_out_by_hand():
    logits = torch.log(torch.tensor([[0.8, 0.2], [0.9, 0.1], [0.55, 0.45], [0.6, 0.4], [0.5, 0.5]]))
    labels = torch.tensor([0, ORIGINAL, ORIGINAL, OTHER, OTHER])
    batch = TokenBatch(torch.zeros(5, 1, dtype=torch.int64), torch.ones(5, 1, dtype=torch.int64), labels)
    objective = consistency(weight=2.0, confidence=0.7, temperature=1.0, label_smoothing=0.0)
    # The second text is not sure enough to speak.
    divergence = 0.9 * np.log(0.9 / 0.6) + 0.1 * np.log(0.1 / 0.4)
    expected = -np.log(0.8) + 2.0 * divergence / 2
    assert float(objective(lambda batch: logits, batch)) == pytest.approx(expected, abs=1e-6)


def test_other_versions_differ_and_are_the_same_for_the_same_seed():
    texts = ["my card has not arrived", "hello", "我的银行卡丢失了"]
    originals, others = other_versions(texts, synonyms={}, fraction=0.3, random_state=0)
    assert originals == ["my card has not arrived", "我的银行卡丢失了"]
    assert all(one != other for one, other in zip(originals, others, strict=True))
    assert (originals, others) == other_versions(texts, synonyms={}, fraction=0.3, random_state=0)


@pytest.fixture(scope="module")
def rows(banking77):
    texts, labels = (np.array(part, dtype=object) for part in banking77("train"))
    known = [index for label in LABELS for index in np.flatnonzero(labels == label)[:5]]
    others = [index for label in LABELS for index in np.flatnonzero(labels == label)[5:20]]
    return texts[known].tolist(), labels[known].tolist(), texts[others].tolist()


def test_it_is_an_encoder_that_learns_from_texts_without_labels(tiny_base, rows):
    texts, labels, others = rows
    settings = {"base": str(tiny_base), "epochs": 2, "stop_epoch": 2, "temperature": 1.0, "precision": "fp32"}
    plain = Encoder(**settings).fit(texts, labels)
    same = ConsistencyEncoder(**settings).fit(texts, labels)
    np.testing.assert_allclose(same.predict_proba(others), plain.predict_proba(others), atol=1e-6)
    taught = ConsistencyEncoder(**settings, unlabelled=others).fit(texts, labels)
    assert np.mean(taught.predict(texts) == labels) > 0.9
    # Sharper answers to the texts it has met: that is what the divergence asks for.
    surest = [model.predict_proba(others).max(axis=1).mean() for model in (plain, taught)]
    assert surest[1] > surest[0]


def test_settings_that_cannot_work_are_said_together():
    with pytest.raises(SettingsError) as fault:
        ConsistencySettings.of(ConsistencyEncoder(most_texts=0, confidence=2.0, sharpening=0))
    assert str(fault.value).count("\n  - ") == 3
