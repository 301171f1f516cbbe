"""Static vectors by hand: means, unknown tokens, files."""

import numpy as np
import pytest
from safetensors.numpy import save_file
from tokenizers import Tokenizer, pre_tokenizers
from tokenizers.models import WordLevel

from metier.errors import BundleError
from metier.predictors import load_predictor
from metier.predictors.linear.static import StaticPredictor, StaticVectors

MATRIX = np.array([[0, 0], [3, 4], [1, 0], [0, 2]], dtype=np.float16)


@pytest.fixture
def predictor():
    tokenizer = Tokenizer(WordLevel({"?": 0, "card": 1, "pin": 2, "fee": 3}, unk_token="?"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    weight, bias = np.array([[1.0, 0.0], [0.0, 1.0]]), np.array([0.5, 0.0])
    vectors = StaticVectors(tokenizer, MATRIX)
    return StaticPredictor(vectors, weight, bias, temperature=0.5, labels=["x", "y"], name="static.v1")


def test_a_text_is_the_direction_of_its_tokens(predictor):
    found = predictor.vectors.embed(["card", "pin fee", "card card"])
    np.testing.assert_allclose(found, [[0.6, 0.8], [1 / 5**0.5, 2 / 5**0.5], [0.6, 0.8]], atol=1e-6)


def test_unknown_tokens_say_nothing(predictor):
    found = predictor.vectors.embed(["card unheard of", "", "nothing known"])
    np.testing.assert_allclose(found, [[0.6, 0.8], [0, 0], [0, 0]], atol=1e-6)


def test_the_head_is_a_softmax_over_temperature(predictor):
    odds = np.exp([(0.6 + 0.5) / 0.5, 0.8 / 0.5])
    np.testing.assert_allclose(predictor.predict(["card"]).probabilities[0], odds / odds.sum(), atol=1e-6)


def test_saved_and_loaded_it_answers_alike(predictor, tmp_path):
    predictor.save(tmp_path)
    texts = ["card", "pin fee", "", "what"]
    loaded = load_predictor(tmp_path)
    np.testing.assert_allclose(
        loaded.predict(texts).probabilities, predictor.predict(texts).probabilities, atol=1e-9
    )
    assert loaded.predict(texts).answered_by == ("static.v1",) * 4


def test_many_rows_keep_their_order(predictor):
    texts = ["card", "pin", "fee"] * 3_000
    found = predictor.predict(texts).probabilities
    np.testing.assert_allclose(found[:3], found[-3:])
    np.testing.assert_allclose(found[4], predictor.predict(["pin"]).probabilities[0])


@pytest.mark.parametrize("file", ["embeddings.safetensors", "tokenizer.json", "head.safetensors"])
def test_a_missing_file_is_a_sentence(predictor, tmp_path, file):
    predictor.save(tmp_path)
    (tmp_path / file).unlink()
    with pytest.raises(BundleError):
        load_predictor(tmp_path)


def test_a_matrix_that_is_none_is_a_sentence(predictor, tmp_path):
    predictor.save(tmp_path)
    save_file({"other": MATRIX}, tmp_path / "embeddings.safetensors")
    with pytest.raises(BundleError, match=r"embeddings\.safetensors"):
        load_predictor(tmp_path)
