import numpy as np
import pytest
import torch

from metier.bases.adaptation.layer_discovery import blocks_of
from metier.bases.huggingface_folder import load_model
from metier.bases.known_bases import resolve_base
from metier.errors import SettingsError, StorageError
from metier.training import frozen_layer_cache as module
from metier.training.batching import TokenisedRows
from metier.training.heads.token_model import PooledClassifier
from metier.transformer.tuned.encoder import Encoder

IDS = [[101, 2026, 4003, 2196, 2234, 102], [101, 2073, 2003, 102], [101, 4003, 102]]


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("METIER_CACHE", str(tmp_path))
    return tmp_path / "frozen-prefix"


@pytest.fixture
def model(tiny_base):
    encoder = load_model(resolve_base(str(tiny_base)))
    return PooledClassifier(encoder, np.ones((2, 384)), np.zeros(2), normalise=True).eval()


@pytest.fixture
def rows():
    return TokenisedRows(IDS, np.array([0, 1, 0]), 0)


def test_kept_states_give_the_answers_of_computed_ones(model, rows):
    with torch.inference_mode():
        computed = model.logits(rows)
    cache = module.cache_frozen_layers(model, 1, [rows])
    with cache.in_place():
        # Nothing below the kept layer is asked any more.
        blocks_of(model.encoder)[0].attention.self.query.weight.data.zero_()
        kept = model.logits(rows)
        others = model.logits(TokenisedRows([[101, 2026, 102]], None, 0))
    np.testing.assert_allclose(kept, computed, rtol=2e-2)
    np.testing.assert_array_equal(others, model.logits(TokenisedRows([[101, 2026, 102]], None, 0)))


def test_a_second_training_computes_only_what_is_new(model, rows, cache, monkeypatch):
    asked = []
    module.cache_frozen_layers(model, 1, [rows])
    first = sum(path.stat().st_size for path in cache.glob("*/*.states"))
    assert first == sum(map(len, IDS)) * 384 * 2
    more = TokenisedRows([*IDS, [101, 2026, 102]], None, 0)
    module.cache_frozen_layers(model, 1, [more], listener=lambda progress: asked.append(progress.what))
    assert sum(path.stat().st_size for path in cache.glob("*/*.states")) == first + 3 * 384 * 2
    assert "states of 1 frozen layers" in asked[0]
    # Other weights below, or another number of layers, are another cache.
    assert (
        module.cache_frozen_layers(model, 2, [rows])._folder
        != module.cache_frozen_layers(model, 1, [rows])._folder
    )


def test_top_layers_learn_the_same_from_kept_states(tiny_base, labelled_rows, monkeypatch):
    def learn():
        method = Encoder(
            base=str(tiny_base), adaptation="top:1", epochs=2, stop_epoch=2, C=0.01, temperature=1.0
        )
        return method.fit(*labelled_rows)

    kept = learn()
    monkeypatch.setenv(module.LIMIT, "0")
    computed = learn()
    assert kept.facts_["frozen_states_kept"]
    assert not computed.facts_["frozen_states_kept"]
    np.testing.assert_allclose(
        kept.predict_proba(labelled_rows[0]), computed.predict_proba(labelled_rows[0]), atol=2e-2
    )
    start = load_model(resolve_base(str(tiny_base)))
    assert torch.equal(
        kept.model_.encoder.encoder.layer[0].output.dense.weight, start.encoder.layer[0].output.dense.weight
    )


@pytest.fixture(scope="module")
def labelled_rows(banking77):
    texts, labels = banking77("train")
    pairs = list(zip(texts, labels, strict=True))
    some = pairs[:16] + pairs[-16:]
    return [text for text, _ in some], [label for _, label in some]


def test_the_oldest_make_room(model, rows, cache, monkeypatch):
    module.cache_frozen_layers(model, 1, [rows])
    monkeypatch.setenv(module.LIMIT, str(1.2 * sum(map(len, IDS)) * 384 * 2 / 1e9))
    module.cache_frozen_layers(model, 2, [rows])
    assert len(list(cache.glob("*-1-*/*.states"))) == 0
    assert len(list(cache.glob("*-2-*/*.states"))) == 1


def test_says_what_is_too_much(model, rows, monkeypatch):
    said = []
    monkeypatch.setenv(module.LIMIT, "0.000001")
    assert (
        module.cache_frozen_layers(model, 1, [rows], listener=lambda progress: said.append(progress.what))
        is None
    )
    assert "more than" in said[-1]
    monkeypatch.setenv(module.LIMIT, "much")
    with pytest.raises(SettingsError, match="expected gigabytes"):
        module.most_bytes()
    monkeypatch.delenv(module.LIMIT)
    monkeypatch.setattr(module.shutil, "disk_usage", lambda path: type("Usage", (), {"free": 10})())
    with pytest.raises(StorageError, match="METIER_PREFIX_CACHE_GB=0"):
        module.cache_frozen_layers(model, 1, [rows])


def test_torn_files_are_made_again(model, rows, cache):
    module.cache_frozen_layers(model, 1, [rows])
    next(cache.glob("*/*.npy")).write_bytes(b"torn")
    assert module.cache_frozen_layers(model, 1, [rows]) is not None
