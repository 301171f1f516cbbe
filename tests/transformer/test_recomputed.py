"""Layers that are computed again on the way back give the same gradients."""

import numpy as np
import pytest

pytest.importorskip("torch", reason="needs metier[train]")

from metier.transformer.encoder import Encoder


def test_the_same_model_comes_out(tiny_base, banking77):
    texts, labels = banking77("train")
    picked = [index for index, label in enumerate(labels) if label in ("age_limit", "exchange_rate")][::8]
    X, y = [texts[index] for index in picked], [labels[index] for index in picked]
    kept, recomputed = (
        Encoder(
            base=str(tiny_base), epochs=1, stop_epoch=1, C=1.0, temperature=1.0, gradient_checkpointing=wanted
        ).fit(X, y)
        for wanted in (False, True)
    )
    np.testing.assert_allclose(kept.predict_proba(X), recomputed.predict_proba(X), atol=1e-5)
