"""What bf16 may cost, on processors that multiply it; everything else is tested in fp32 on every machine."""

import numpy as np
import pytest
import torch

from metier.bases.embedding import embed
from metier.bases.known_bases import resolve_base
from metier.training.processes import accelerator_of
from metier.transformer.tuned.encoder import Encoder


@pytest.fixture
def fp32_vectors(tiny_base, queries):
    return embed(resolve_base(str(tiny_base)), queries[0], cache=False)


def test_vectors_in_bf16_point_where_those_in_fp32_do(fp32_vectors, native_bf16, tiny_base, queries):
    halved = embed(resolve_base(str(tiny_base)), queries[0], cache=False)
    cosines = (halved * fp32_vectors).sum(axis=1)
    assert cosines.min() > 0.999
    assert np.abs(halved - fp32_vectors).max() > 1e-6, "bf16 was not used"


def test_an_encoder_trained_in_bf16_is_exported_with_the_same_answers(
    native_bf16, tiny_base, queries, tmp_path
):
    from metier.predictors.loading import load_predictor

    texts, labels = queries
    encoder = Encoder(base=str(tiny_base), epochs=2, C=10.0, precision="fp32")
    encoder.fit(texts[:100], labels[:100], validation=(texts[100:], labels[100:]))
    encoder.export(tmp_path)
    answers = load_predictor(tmp_path).predict(texts[100:]).probabilities
    np.testing.assert_allclose(answers, encoder.predict_proba(texts[100:]), atol=0.02)
    assert np.mean(encoder.predict(texts[100:]) == np.array(labels[100:])) > 0.7


def test_one_process_may_train_in_one_precision_after_the_other():
    assert accelerator_of("bf16").mixed_precision == "bf16"
    accelerator = accelerator_of("no")
    assert accelerator.mixed_precision == "no"
    assert accelerator.prepare(torch.nn.Linear(2, 2)).weight.dtype == torch.float32
