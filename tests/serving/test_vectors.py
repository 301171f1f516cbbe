"""Vectors and ranks of served models, in the forms of OpenAI and of Text Embeddings Inference."""

import base64
from pathlib import Path

import numpy as np
import pytest
from fastapi.testclient import TestClient

from metier.bundles import load_bundle
from metier.cli.served import loads_of
from metier.serving import ServingSettings, build_app
from metier.serving.guards.masking import covered, masked_bundle
from metier.serving.vectors import check_embeds

SEALED = Path(__file__).parents[1] / "bundles" / "sealed_71959d8"
SERVED = {
    "static": "static.v1",
    "encoder": "onnx_encoder.v1",
    "two_sided": "onnx_bi_encoder.v1",
    "cross": "onnx_pair_encoder.v1",
    "pairs": "pair_linear.v1",
    "average": "average.v1",
    "search": "retrieve_rerank.v1",
    "linear": "linear.v1",
    "tags": "onnx_tagger.v1",
    "numbers": "pair_score_linear.v1",
}
TEXTS = ["my card never came", "a refund please", "换卡"]


@pytest.fixture(scope="module")
def client():
    load = loads_of([f"{name}={SEALED / kind}" for name, kind in SERVED.items()])
    with TestClient(build_app(load, ServingSettings(max_rows=100))) as made:
        while made.get("/readyz").status_code != 200:
            pass
        yield made


@pytest.mark.parametrize("model", ["static", "encoder", "two_sided", "average", "search"])
def test_vectors_have_length_one_and_both_forms_agree(client, model):
    asked = {"input": TEXTS, "model": model}
    answer = client.post("/v1/embeddings", json=asked)
    assert answer.status_code == 200, answer.text
    body = answer.json()
    vectors = np.array([one["embedding"] for one in body["data"]])
    assert [one["index"] for one in body["data"]] == [0, 1, 2]
    assert body["model"] == model
    lengths = np.linalg.norm(vectors, axis=1)
    assert all(np.isclose(length, 1, atol=1e-5) or length == 0 for length in lengths)
    coded = client.post("/v1/embeddings", json=asked | {"encoding_format": "base64"}).json()["data"]
    decoded = [np.frombuffer(base64.b64decode(one["embedding"]), "<f4") for one in coded]
    assert np.allclose(decoded, vectors, atol=1e-6)
    one = client.post("/v1/embeddings", json={"input": TEXTS[0], "model": model}).json()["data"]
    assert np.allclose(one[0]["embedding"], vectors[0], atol=1e-4)


@pytest.mark.parametrize("model", ["linear", "cross", "tags", "pairs"])
def test_a_model_without_vectors_says_what_to_serve(client, model):
    refused = client.post("/v1/embeddings", json={"input": "a", "model": model})
    assert (refused.status_code, refused.json()["error"]["code"]) == (422, "no_embeddings")
    assert "static.v1" in refused.json()["error"]["message"]
    assert refused.json()["error"]["type"] == "invalid_request_error"


@pytest.mark.parametrize(
    ("asked", "field"),
    [
        ({}, "input"),
        ({"input": []}, "input"),
        ({"input": [1, 2]}, "input"),
        ({"input": [[1]]}, "input"),
        ({"input": ["a"] * 101}, "input"),
        ({"input": "a", "encoding_format": "hex"}, "encoding_format"),
        ({"input": "a", "dimensions": 3}, "dimensions"),
        ({"input": "a", "model": 7}, "model"),
        ({"input": "a", "inputs": "b"}, "inputs"),
        ({"input": "a" * 100_001}, "texts.0"),
    ],
)
def test_wrong_requests_for_vectors(client, asked, field):
    refused = client.post("/v1/embeddings", json={"model": "static"} | asked)
    assert refused.status_code in (413, 422)
    assert refused.json()["error"]["field"] == field


@pytest.mark.parametrize("model", ["cross", "pairs", "two_sided"])
def test_texts_are_ranked_by_the_probability_of_a_match(client, model):
    query, texts = "my card never came", ["a refund please", "my card never came", "card"]
    ranked = client.post("/rerank", json={"query": query, "texts": texts, "model": model}).json()
    loaded = load_bundle(SEALED / SERVED[model])
    column = loaded.labels.index("same")
    expected = loaded.predict([{"text": query, "text_pair": one} for one in texts]).probabilities[:, column]
    assert [one["score"] for one in ranked] == pytest.approx(sorted(expected, reverse=True), abs=1e-4)
    assert [expected[one["index"]] for one in ranked] == pytest.approx(
        [one["score"] for one in ranked], abs=1e-4
    )
    asked = {"query": query, "texts": texts, "model": model, "raw_scores": True, "return_text": True}
    raw = client.post("/rerank", json=asked).json()
    assert [one["text"] for one in raw] == [texts[one["index"]] for one in raw]
    chances = 1 / (1 + np.exp([-one["score"] for one in raw]))
    assert chances == pytest.approx([one["score"] for one in ranked], abs=1e-3)


def test_a_model_that_gives_pairs_a_number_ranks_by_it(client):
    ranked = client.post("/rerank", json={"query": "a card", "texts": TEXTS, "model": "numbers"}).json()
    assert len(ranked) == 3
    assert [one["score"] for one in ranked] == sorted((one["score"] for one in ranked), reverse=True)


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        ({"query": "a", "texts": ["b"], "model": "linear"}, "Serve one of text matching"),
        ({"texts": ["b"]}, "'query'"),
        ({"query": "a"}, "'texts'"),
        ({"query": "a", "texts": "b", "raw_scores": "yes"}, "raw_scores"),
        ({"query": " ", "texts": ["b"]}, "is blank"),
        ({"query": "a", "texts": ["b"], "top": 3}, "There is no field 'top'"),
        ({"query": "a", "texts": ["b"], "model": "unknown"}, "no model called 'unknown'"),
    ],
)
def test_wrong_requests_for_ranks_have_the_form_of_text_embeddings_inference(client, asked, says):
    refused = client.post("/rerank", json={"model": "pairs"} | asked)
    assert refused.status_code in (404, 422)
    assert says in refused.json()["error"]
    assert refused.json()["error_type"] == "validation"


def test_info_says_what_is_served(client):
    info = client.get("/info").json()
    types = {one["model_id"]: next(iter(one["model_type"])) for one in info["models"]}
    assert types["linear"] == "classifier"
    assert (types["pairs"], types["cross"]) == ("reranker", "reranker")
    assert types["search"] in ("embedding", "other")
    assert info["max_client_batch_size"] == 100
    assert [one["id"] for one in client.get("/v1/models").json()["data"]] == list(SERVED)
    assert client.get("/v1/models/nothing").json()["error"]["code"] == "unknown_model"


def test_vectors_of_a_bundle_that_masks_are_those_of_the_masked_text():
    bundle = load_bundle(SEALED / "static.v1")
    embedder = check_embeds(masked_bundle(bundle))
    text = "write to anna.smith@example.com about my card"
    [vector] = embedder.embed([text])
    assert np.allclose(vector, bundle.predictor.embed([covered(text).item])[0])
    assert not np.allclose(vector, bundle.predictor.embed([text])[0])
