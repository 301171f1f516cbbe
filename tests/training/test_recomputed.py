"""Layers are computed again on the way back, and the same model comes out."""

import numpy as np
import torch

from metier.predictors.loading import load_predictor
from metier.transformer.tuned.encoder import Encoder


def test_the_same_model_comes_out(tiny_base, banking77):
    def count(module, inputs):
        if type(module).__name__ == "BertSelfAttention" and module.training:
            passes[-1] += 1

    texts, labels = banking77("train")
    picked = [index for index, label in enumerate(labels) if label in ("age_limit", "exchange_rate")][::8]
    X, y = [texts[index] for index in picked], [labels[index] for index in picked]
    passes, fitted = [], []
    for wanted in (False, True):
        passes.append(0)
        with torch.nn.modules.module.register_module_forward_pre_hook(count):
            fitted.append(
                Encoder(
                    base=str(tiny_base),
                    epochs=1,
                    stop_epoch=1,
                    C=1.0,
                    temperature=1.0,
                    gradient_checkpointing=wanted,
                ).fit(X, y)
            )
    kept, recomputed = fitted
    assert passes[0] > 0
    assert passes[1] == 2 * passes[0]
    np.testing.assert_allclose(kept.predict_proba(X), recomputed.predict_proba(X), atol=1e-5)


def test_what_was_trained_beside_frozen_weights_is_exported(small_base, tmp_path):
    """The hooks that let gradients through frozen embeddings were left behind, and the model could not be copied."""
    texts, labels = ["where is my card", "what is the rate"] * 8, ["card", "rate"] * 8
    method = Encoder(base=str(small_base), adaptation="lora:4", epochs=1, gradient_checkpointing=True)
    method.fit(texts, labels).export(tmp_path)
    found = load_predictor(tmp_path).predict(texts[:2]).probabilities
    np.testing.assert_allclose(found, method.predict_proba(texts[:2]), atol=0.05)
