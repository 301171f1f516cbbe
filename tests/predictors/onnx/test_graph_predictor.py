"""The encoder without torch: one row and many, fp32 and INT8, threads, broken folders."""

import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import psutil
import pytest

from metier.errors import BundleError
from metier.features.tokenization import batches_by_length, pad, read_tokenizer, token_ids
from metier.predictors import load_predictor

TEXTS = ["Where is my card?", "top up", "", "Why was I charged a fee for this transfer? " * 30, "🙂", "ＰＩＮ"]


@pytest.fixture(scope="module")
def folders(tiny_base, tmp_path_factory):
    """The same tiny encoder, exported in both precisions, with a head of three labels."""
    from metier.bases.huggingface_folder import load_model
    from metier.bases.known_bases import resolve_base
    from metier.export.graph_export import Exported, export_graph, pooled, sample_of
    from metier.tasks.answers.label import LabelDecoder

    base = resolve_base(str(tiny_base))
    random = np.random.default_rng(0)
    head = {"weight": random.normal(size=(3, 384)) * 5, "bias": random.normal(size=3)}
    module, decoder = pooled(load_model(base), base), LabelDecoder(("a", "b", "c"), 0.5)
    exported = Exported("onnx_encoder.v1", "encoder.v1", base, module, decoder, head=head)
    written = {}
    for precision in ("fp32", "int8"):
        written[precision] = tmp_path_factory.mktemp(precision)
        export_graph(exported, written[precision], sample=sample_of(base, TEXTS), precision=precision)
    return written


@pytest.fixture(scope="module", params=["fp32", "int8"])
def folder(request, folders):
    return folders[request.param]


def test_one_row_and_many_answer_alike(folder):
    predictor = load_predictor(folder)
    together = predictor.predict(TEXTS).probabilities
    alone = np.concatenate([predictor.predict([text]).probabilities for text in TEXTS])
    np.testing.assert_allclose(together, alone, atol=1e-5)
    np.testing.assert_allclose(together.sum(axis=1), 1)


def test_the_head_is_a_softmax_over_temperature(folder):
    predictor = load_predictor(folder)
    settings = json.loads((folder / "predictor.json").read_text())
    from safetensors.numpy import load_file

    head = load_file(folder / "head.safetensors")
    logits = (predictor.vectors(TEXTS) @ head["weight"].T + head["bias"]) / settings["temperature"]
    odds = np.exp(logits - logits.max(axis=1, keepdims=True))
    expected = odds / odds.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(predictor.predict(TEXTS).probabilities, expected, atol=1e-5)


def test_says_who_answered(folder):
    answers = load_predictor(folder).predict(TEXTS[:2])
    assert answers.labels == ("a", "b", "c")
    assert answers.answered_by == ("encoder.v1", "encoder.v1")


def test_no_rows_give_no_answers(folder):
    assert load_predictor(folder).predict([]).probabilities.shape == (0, 3)


def test_order_is_kept_over_many_batches(folder):
    predictor = load_predictor(folder, threads=2)
    texts = [TEXTS[position % 3] + " please" * (position % 7) for position in range(150)]
    together = predictor.predict(texts).probabilities
    for position in (0, 1, 77, 149):
        np.testing.assert_allclose(
            together[position], predictor.predict([texts[position]]).probabilities[0], atol=1e-5
        )


def test_threads_may_share_it(folder):
    predictor = load_predictor(folder)
    expected = predictor.predict(TEXTS).probabilities
    with ThreadPoolExecutor(4) as pool:
        for found in pool.map(lambda _: predictor.predict(TEXTS).probabilities, range(12)):
            np.testing.assert_array_equal(found, expected)


def test_a_long_text_is_answered_by_all_of_its_windows(folder):
    predictor = load_predictor(folder)
    one, other = "my card never came " * 2_000, "what is the exchange rate " * 2_000
    alone = [predictor.vectors([text]) for text in (one, other)]
    both = predictor.vectors([one + other])
    # The end counts as well as the beginning.
    assert np.abs(both - alone[0]).max() > 1e-3
    assert np.abs(both - alone[1]).max() > 1e-3


def test_special_tokens_of_a_user_are_text(folder):
    predictor = load_predictor(folder)
    tokenizer = read_tokenizer(folder / "tokenizer.json", max_length=512)
    assert tokenizer.encode("[SEP]").tokens == ["[CLS]", "[", "sep", "]", "[SEP]"]
    assert not np.allclose(predictor.vectors(["card [SEP] pin"]), predictor.vectors(["card pin"]), atol=1e-3)


def test_memory_does_not_grow_with_the_lengths_it_has_seen(folders):
    predictor = load_predictor(folders["fp32"])
    process = psutil.Process()
    predictor.predict(["word " * length for length in range(1, 200, 7)])
    before = process.memory_info().rss
    for length in range(1, 200):
        predictor.predict(["word " * length])
    assert process.memory_info().rss - before < 30_000_000


def test_answers_without_torch(folder):
    code = (
        "import sys\n"
        "class Refuse:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name in ('torch', 'transformers', 'onnx'): raise ImportError(name)\n"
        "sys.meta_path.insert(0, Refuse())\n"
        "from pathlib import Path\n"
        "from metier.predictors import load_predictor\n"
        f"print(load_predictor(Path({str(folder)!r})).predict(['my card']).predicted[0])"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == load_predictor(folder).predict(["my card"]).predicted[0]
    assert found.stderr == ""


@pytest.mark.parametrize("file", ["model.onnx", "head.safetensors", "tokenizer.json"])
@pytest.mark.parametrize("is_missing", [True, False])
def test_a_broken_folder_is_a_sentence(folders, tmp_path, file, is_missing):
    for path in folders["fp32"].iterdir():
        if path.is_file():
            (tmp_path / path.name).write_bytes(path.read_bytes())
    (tmp_path / file).unlink()
    if not is_missing:
        (tmp_path / file).write_bytes(b"nonsense")
    with pytest.raises(BundleError):
        load_predictor(tmp_path)


class TestBatches:
    def test_every_row_once_and_within_the_budget(self):
        lengths = np.random.default_rng(0).integers(1, 90, size=500).tolist()
        batches = list(batches_by_length(lengths, token_budget=256))
        assert sorted(np.concatenate(batches).tolist()) == list(range(500))
        assert max(len(rows) * max(lengths[row] for row in rows) for rows in batches) <= 256
        assert len(batches) < 500 / 3

    def test_a_row_over_the_budget_stands_alone(self):
        assert [rows.tolist() for rows in batches_by_length([5, 400, 6], token_budget=100)] == [[0, 2], [1]]

    def test_padding_is_masked(self):
        padded, mask = pad([[7, 8, 9], [5]], pad_id=1)
        assert padded.tolist() == [[7, 8, 9], [5, 1, 1]]
        assert mask.tolist() == [[1, 1, 1], [1, 0, 0]]

    def test_the_prefix_comes_first(self, folders):
        tokenizer = read_tokenizer(folders["fp32"] / "tokenizer.json", max_length=6)
        assert token_ids(tokenizer, ["card"], prefix="query: ") == token_ids(
            tokenizer, ["query: card"], prefix=""
        )
        assert len(token_ids(tokenizer, ["one two three four five six"], prefix="")[0]) == 6
