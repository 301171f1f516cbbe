"""Static embeddings: distilled once, cut to the scripts of the rows, alike in estimator and predictor."""

import json

import numpy as np
import pytest

from metier.bases import load_model, load_tokenizer, resolve_base
from metier.bases.embedding import embed_ids
from metier.predictors import load_predictor
from metier.transformer.frozen import static_embeddings as distillation
from metier.transformer.frozen.static import Static
from metier.transformer.frozen.static_embeddings import distill, scripts_of


@pytest.fixture(scope="module")
def rows(banking77):
    """Eight labels of banking77: every other row to learn from, the rest to be answered."""
    texts, labels = banking77("train")
    wanted = sorted(set(labels))[::10]
    pairs = [(text, label) for text, label in zip(texts, labels, strict=True) if label in wanted]
    return pairs[::2], pairs[1::2]


@pytest.fixture(scope="module")
def fitted(rows, small_base):
    return Static(base=str(small_base)).fit(*map(list, zip(*rows[0], strict=True)))


@pytest.fixture(scope="module")
def vectors(small_base, fitted):
    return distill(resolve_base(str(small_base)), ["English text"])


def test_tells_labels_apart(fitted, rows):
    texts, labels = map(list, zip(*rows[1], strict=True))
    assert np.mean(fitted.predict(texts) == np.array(labels)) > 0.85


def test_the_predictor_answers_alike(fitted, rows, tmp_path):
    fitted.export(tmp_path)
    texts = [text for text, _ in rows[1]]
    predictor = load_predictor(tmp_path)
    np.testing.assert_allclose(predictor.predict(texts).probabilities, fitted.predict_proba(texts), atol=1e-6)
    assert {path.name for path in tmp_path.iterdir()} == {
        "tokenizer.json",
        "embeddings.safetensors",
        "head.safetensors",
        "predictor.json",
    }
    assert json.loads((tmp_path / "predictor.json").read_text())["kind"] == "static.v1"


def test_vectors_are_the_principal_components_of_the_tokens(vectors, small_base):
    """Tokens lie as near one another as the encoder finds them, but for what 256 of 384 dimensions lose."""
    base = resolve_base(str(small_base))
    tokenizer = load_tokenizer(base)
    words = ["card", "money", "transfer", "account", "##ing", "payment", "bank", "the"]
    ids = [tokenizer.token_to_id(word) for word in words]
    raw = embed_ids(load_model(base), [[101, number, 102] for number in ids], normalise=False)
    # Weights by rank stand in the rows; the direction is what is compared.
    found = vectors.matrix[ids].astype(np.float32)
    distances = np.linalg.norm(raw[:, None] - raw[None], axis=-1)
    frequency = 1 / (np.arange(2, 30_000) * np.log(30_000))
    weights = np.array([1e-4 / (1e-4 + frequency[max(number - 999, 0)]) for number in ids])[:, None]
    unweighted = found / weights
    ours = np.linalg.norm(unweighted[:, None] - unweighted[None], axis=-1)
    pairs = np.triu_indices(len(words), 1)
    assert np.corrcoef(distances[pairs], ours[pairs])[0, 1] > 0.95


def test_rare_words_weigh_more_than_common_ones(vectors):
    lengths = np.linalg.norm(vectors.matrix.astype(np.float32), axis=1)
    number = vectors.tokenizer.token_to_id
    assert lengths[number("the")] < lengths[number("payment")]


def test_special_tokens_say_nothing(vectors):
    assert not vectors.matrix[vectors.tokenizer.token_to_id("[UNK]")].any()
    assert vectors.tokenizer.encode("a card").tokens == ["a", "card"]  # No [CLS], no [SEP].


def test_a_text_of_unknown_characters_gets_the_commonest_guess(fitted):
    probabilities = fitted.predict_proba(["", "☃☃☃"])
    np.testing.assert_allclose(probabilities.sum(axis=1), 1)
    np.testing.assert_allclose(probabilities[0], probabilities[1])


def test_distilled_once(fitted, small_base, monkeypatch):
    monkeypatch.setattr(distillation, "load_model", lambda base: pytest.fail("the base was distilled again"))
    again = distill(resolve_base(str(small_base)), ["another English text"])
    np.testing.assert_array_equal(again.matrix, fitted.predictor_.vectors.matrix)


def test_scripts():
    assert scripts_of(["plain", "café 12:30"]) == {"LATIN"}
    assert scripts_of(["基于BERT的模型"]) == {"LATIN", "CJK"}
    assert scripts_of(["привет", "мир"]) == {"LATIN", "CYRILLIC"}
    assert scripts_of(["plain"] * 200 + ["мир"]) == {"LATIN"}  # One stray text needs no vocabulary.


class TestCutUnigram:
    """Fewer pieces, from which every text of the scripts can still be read."""

    @pytest.fixture(scope="class")
    @classmethod
    def cut(cls, e5_base):
        definition = json.loads(load_tokenizer(e5_base).to_str())
        pieces = [piece for piece, _ in definition["model"]["vocab"]]
        return distillation._cut_unigram(definition, frozenset({"LATIN", "CJK"})), pieces

    def test_is_small_and_of_these_scripts(self, cut):
        vocabulary, pieces = cut
        assert 10_000 < len(vocabulary.ids) < 30_000
        kept = {pieces[number] for number in vocabulary.ids}
        assert {"▁the", "的", "中国", "1"} <= kept
        assert not {"▁и", "の", "<s>", "<mask>"} & kept

    def test_rows_and_ids_agree(self, cut):
        vocabulary, pieces = cut
        names = vocabulary.tokenizer.get_vocab()
        assert all(
            names[pieces[number]] == row for number, row in zip(vocabulary.ids, vocabulary.rows, strict=True)
        )

    def test_reads_every_text_of_the_scripts(self, cut, csl):
        vocabulary, _ = cut
        ids = [vocabulary.tokenizer.encode(text).ids for text in csl("dev")[0]]
        unknown = sum(row.count(0) for row in ids)
        assert unknown / sum(map(len, ids)) < 0.005

    def test_control_pieces_cannot_be_typed(self, cut):
        vocabulary, _ = cut
        assert "<s>" not in vocabulary.tokenizer.encode("<s> text").tokens


@pytest.fixture
def user_cache(monkeypatch):
    """What was distilled is worth keeping from one run of the proofs to the next."""
    monkeypatch.delenv("METIER_CACHE")


@pytest.mark.slow
@pytest.mark.usefixtures("user_cache")
@pytest.mark.parametrize(("data", "least"), [("banking77", 0.89), ("csl", 0.71)])
def test_as_documented(data, least, request, e5_base):
    split = request.getfixturevalue(data)
    method = Static().fit(*split("train"))
    texts, labels = split("test")
    assert np.mean(method.predict(texts) == np.array(labels)) >= least
