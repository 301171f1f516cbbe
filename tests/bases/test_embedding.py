"""Embeddings: the mean over real tokens, once for each text, the same whatever stands beside it."""

import sqlite3
import threading

import numpy as np
import pytest
import torch

from metier.bases import embedding, embedding_cache, load_model, load_tokenizer, resolve_base
from metier.bases.embedding import embed, mean_pool
from metier.bases.embedding_cache import EmbeddingCache

TEXTS = ["Where is my card?", "I lost my phone", "", "Why was I charged a fee for this transfer? " * 20]


@pytest.fixture(scope="module")
def base(tiny_base):
    return resolve_base(str(tiny_base))


def test_padding_does_not_count():
    hidden = torch.tensor([[[1.0, 2.0], [3.0, 4.0], [100.0, 100.0]]])
    assert mean_pool(hidden, torch.tensor([[1, 1, 0]])).tolist() == [[2.0, 3.0]]


def test_embeds_as_plain_transformers_does(base):
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(base.folder)
    model = load_model(base)
    for text, vector in zip(TEXTS, embed(base, TEXTS, cache=False), strict=True):
        batch = tokenizer(text, truncation=True, max_length=base.max_length, return_tensors="pt")
        with torch.inference_mode():
            expected = model(**batch).last_hidden_state[0].mean(0)
        np.testing.assert_allclose(vector, expected / expected.norm(), atol=1e-5)


def test_neighbours_in_a_batch_change_nothing(base):
    together = embed(base, TEXTS, cache=False)
    for position, text in enumerate(TEXTS):
        np.testing.assert_allclose(embed(base, [text], cache=False)[0], together[position], atol=1e-5)


def test_the_prefix_is_part_of_the_text(base, tiny_base):
    from dataclasses import replace

    prefixed = replace(base, prefix="query: ")
    np.testing.assert_allclose(
        embed(prefixed, ["my card"], cache=False), embed(base, ["query: my card"], cache=False), atol=1e-6
    )
    # And of the cache's name: neither may answer for the other.
    assert (
        EmbeddingCache.of(prefixed, precision="float32").path
        != EmbeddingCache.of(base, precision="float32").path
    )


def test_a_text_is_embedded_once(base, monkeypatch, tmp_path):
    monkeypatch.setenv("METIER_CACHE", str(tmp_path))
    first = embed(base, [*TEXTS, *TEXTS])

    def refuse(base):
        raise AssertionError("the model was loaded although every text is known")

    monkeypatch.setattr(embedding, "load_model", refuse)
    again = embed(base, [*TEXTS, *TEXTS])
    np.testing.assert_array_equal(first, again)
    np.testing.assert_array_equal(first[: len(TEXTS)], first[len(TEXTS) :])


def test_only_new_texts_are_embedded(base, monkeypatch, tmp_path):
    monkeypatch.setenv("METIER_CACHE", str(tmp_path))
    embed(base, TEXTS[:2])
    seen = []
    embed(base, TEXTS, listener=seen.append)
    assert seen[-1].total == len(TEXTS) - 2
    assert seen[-1].done == seen[-1].total


def test_other_weights_have_another_cache(base, tmp_path):
    from dataclasses import replace

    assert (
        EmbeddingCache.of(base, precision="float32").path
        != EmbeddingCache.of(replace(base, folder=resolve_base("minilm").folder), precision="float32").path
    )


@pytest.mark.parametrize("broken", [b"", b"no database at all" * 100, b"SQLite format 3\0" + bytes(4000)])
def test_a_broken_cache_costs_only_time(base, monkeypatch, tmp_path, broken):
    monkeypatch.setenv("METIER_CACHE", str(tmp_path))
    path = EmbeddingCache.of(base, precision=embedding._precision()).path
    path.parent.mkdir(parents=True)
    path.write_bytes(broken)
    np.testing.assert_allclose(embed(base, TEXTS), embed(base, TEXTS, cache=False), atol=1e-6)


def test_a_cache_that_cannot_be_written_is_done_without(base, monkeypatch, tmp_path):
    (tmp_path / "file").write_text("not a folder")
    monkeypatch.setenv("METIER_CACHE", str(tmp_path / "file"))
    assert embed(base, TEXTS[:1]).shape == (1, 384)


def test_the_oldest_make_room(tmp_path):
    cache = EmbeddingCache(tmp_path / "small.sqlite", most_bytes=3 * 8)
    for number in range(5):
        cache.put({f"text {number}": np.full(2, number, dtype=np.float32)})
    assert sorted(cache.get([f"text {number}" for number in range(5)])) == ["text 2", "text 3", "text 4"]


def test_more_texts_than_one_statement_takes(tmp_path):
    cache = EmbeddingCache(tmp_path / "many.sqlite")
    many = {f"text {number}": np.array([number], dtype=np.float32) for number in range(1_500)}
    cache.put(many)
    found = cache.get(list(many))
    assert {text: vector[0] for text, vector in found.items()} == {
        text: vector[0] for text, vector in many.items()
    }


def test_threads_may_share_a_cache(tmp_path):
    cache = EmbeddingCache(tmp_path / "shared.sqlite")

    def put(worker):
        for number in range(20):
            cache.put({f"{worker} {number}": np.full(4, 20 * worker + number, dtype=np.float32)})

    workers = [threading.Thread(target=put, args=(worker,)) for worker in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    expected = {f"{worker} {number}": 20 * worker + number for worker in range(4) for number in range(20)}
    found = cache.get(list(expected))
    assert {text: int(vector[0]) for text, vector in found.items()} == expected


def test_an_unfinished_write_leaves_no_trace(tmp_path):
    cache = EmbeddingCache(tmp_path / "torn.sqlite")
    cache.put({"kept": np.zeros(4, dtype=np.float32)})
    torn = sqlite3.connect(cache.path)
    torn.execute("INSERT INTO embeddings (key, vector) VALUES (?, ?)", (embedding_cache._key("lost"), b"1234"))
    torn.close()  # As when the process dies before the commit.
    assert list(cache.get(["kept", "lost"])) == ["kept"]


def test_threads_are_given_back(base):
    before = torch.get_num_threads()
    embed(base, ["a text"], threads=before + 1, cache=False)
    assert torch.get_num_threads() == before


def test_progress_reaches_the_end(base):
    seen = []
    embed(base, [f"text number {number}" for number in range(200)], listener=seen.append, cache=False)
    assert [progress.done for progress in seen] == sorted(progress.done for progress in seen)
    assert (seen[-1].done, seen[-1].total) == (200, 200)


def test_the_tokenizer_is_the_predictors(base, tmp_path):
    from metier.features.tokenization import read_tokenizer, token_ids

    ours = load_tokenizer(base)
    ours.save(str(tmp_path / "tokenizer.json"))
    theirs = read_tokenizer(tmp_path / "tokenizer.json", max_length=base.max_length)
    assert token_ids(ours, TEXTS, prefix="") == token_ids(theirs, TEXTS, prefix="")
