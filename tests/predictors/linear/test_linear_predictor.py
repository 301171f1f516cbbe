import subprocess
import sys
import textwrap
import threading
import time

import numpy as np
import pytest

from metier.errors import BundleError
from metier.features.tfidf import LONGEST_REMEMBERED, TfidfVectors
from metier.predictors.linear.linear_predictor import LinearPredictor
from metier.tasks.answers.label import LabelDecoder

LABELS = ("card", "rate", "weather")
WORDS = ["card", "my", "rate", "my card", "天气"]
CHARACTERS = ["ca", "car", " card", "card ", "rd ", "ra", "rat", "天", "气", "天气"]


@pytest.fixture(scope="module")
def predictor():
    """Small enough to compute by hand, with weights that tell every n-gram apart."""
    random = np.random.default_rng(0)
    vectors = TfidfVectors(WORDS, CHARACTERS, random.uniform(1, 5, size=15))
    weights = random.normal(size=(15, 3)).astype(np.float32)
    bias = np.array([0.1, -0.2, 0.3])
    return LinearPredictor(vectors, weights, bias, LabelDecoder(LABELS, 0.5), kind="linear.v1", name="x.v1")


def by_hand(predictor, words, characters):
    """Softmax of the sum over n-grams with their counts, written as the formula stands in a textbook."""
    blocks = []
    for counts, known, offset in ((words, WORDS, 0), (characters, CHARACTERS, len(WORDS))):
        weighted = {
            offset + known.index(ngram): (1 + np.log(n)) * predictor.features.idf[offset + known.index(ngram)]
            for ngram, n in counts.items()
        }
        length = np.sqrt(sum(value**2 for value in weighted.values()))
        blocks.append({column: value / length for column, value in weighted.items()})
    logits = predictor.bias.copy()
    for block in blocks:
        for column, value in block.items():
            logits += value * predictor.weights[column].astype(np.float64)
    odds = np.exp(logits / 0.5)
    return odds / odds.sum()


def test_a_sum_by_hand(predictor):
    words = {"my": 1, "card": 2, "my card": 1}
    characters = {"ca": 2, "car": 2, " card": 2, "card ": 2, "rd ": 2}
    expected = by_hand(predictor, words, characters)
    np.testing.assert_allclose(
        predictor.predict(["My card, card"]).probabilities[0],
        by_hand(predictor, words, {"ca": 2, "car": 2, " card": 2, "card ": 1, "rd ": 1}),
        rtol=1e-12,
    )
    np.testing.assert_allclose(predictor.predict(["My card card"]).probabilities[0], expected, rtol=1e-12)


def test_a_text_in_chinese_by_hand(predictor):
    characters = {"天": 1, "气": 1, "天气": 1}
    np.testing.assert_allclose(
        predictor.predict(["天气"]).probabilities[0], by_hand(predictor, {"天气": 1}, characters), rtol=1e-12
    )


def test_a_text_without_a_known_ngram_gets_the_bias(predictor):
    odds = np.exp(predictor.bias / 0.5)
    for text in ("", "   ", "😀😀", "zzz", "\ud83d"):
        np.testing.assert_allclose(predictor.predict([text]).probabilities[0], odds / odds.sum(), rtol=1e-12)


def test_one_by_one_or_together_is_the_same(predictor):
    texts = ["my card", "rate my card", "", "天气 card"] * 5
    together = predictor.predict(texts)
    alone = [predictor.predict([text]).probabilities[0] for text in texts]
    np.testing.assert_array_equal(together.probabilities, alone)
    np.testing.assert_allclose(together.probabilities.sum(axis=1), 1)
    assert together.answered_by == ("x.v1",) * 20


def test_saved_then_loaded_answers_to_the_last_bit(predictor, tmp_path):
    predictor.save(tmp_path)
    loaded = LinearPredictor.load(tmp_path)
    texts = ["my card", "rate", "天气"]
    np.testing.assert_array_equal(loaded.predict(texts).probabilities, predictor.predict(texts).probabilities)
    assert (loaded.labels, loaded.name) == (LABELS, "x.v1")


@pytest.mark.parametrize("name", ["vocabulary.json", "idf.safetensors", "weights.safetensors"])
@pytest.mark.parametrize("content", [None, b"", b"{}", b"\xff\xfe\x00"])
def test_a_broken_file_is_a_bundle_error(predictor, tmp_path, name, content):
    predictor.save(tmp_path)
    (tmp_path / name).unlink()
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(BundleError, match="not hold a complete linear predictor"):
        LinearPredictor.load(tmp_path)


def test_threads_do_not_disturb_one_another(predictor):
    texts = [f"my card {number} rate{number % 7}" for number in range(400)]
    expected = predictor.predict(texts).probabilities
    found, start = {}, threading.Barrier(6)

    def ask(who):
        start.wait()
        found[who] = predictor.predict(texts).probabilities

    threads = [threading.Thread(target=ask, args=(who,)) for who in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for answers in found.values():
        np.testing.assert_array_equal(answers, expected)


def test_what_is_remembered_is_bounded(predictor, monkeypatch):
    monkeypatch.setattr("metier.features.tfidf.MOST_REMEMBERED", 100)
    vectors = TfidfVectors(WORDS, CHARACTERS, np.ones(15))
    vectors.vector("x" * (LONGEST_REMEMBERED + 1))
    assert len(vectors._remembered) == 0
    for number in range(1_000):
        vectors.vector(f"card{number}")
    assert 0 < len(vectors._remembered) <= 100


def run(program):
    return subprocess.run([sys.executable, "-c", textwrap.dedent(program)], capture_output=True, text=True)


def test_a_text_of_a_megabyte_is_answered_in_bounded_memory(predictor, tmp_path):
    predictor.save(tmp_path)
    program = f"""
        import resource
        from pathlib import Path
        from metier.predictors import load_predictor
        predictor = load_predictor(Path({str(tmp_path)!r}))
        predictor.predict(["card 天气"])
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        for text in ("my card " * 130_000, "card" * 260_000, "天气" * 170_000):
            assert abs(predictor.predict([text]).probabilities.sum() - 1) < 1e-9
        print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
    """
    done = run(program)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) < 200  # MB


@pytest.mark.serial
def test_a_large_vocabulary_loads_quickly(tmp_path):
    random = np.random.default_rng(0)
    words = [f"{number:x} word" for number in range(50_000)]
    characters = [f"{number:06x}" for number in range(100_000)]
    weights = random.normal(size=(150_000, 20)).astype(np.float32)
    vectors = TfidfVectors(words, characters, random.uniform(1, 9, size=150_000))
    labels = [str(number) for number in range(20)]
    decoder = LabelDecoder(tuple(labels))
    LinearPredictor(vectors, weights, np.zeros(20), decoder, kind="linear.v1", name="x.v1").save(tmp_path)
    seconds = []
    for _ in range(3):
        begun = time.process_time()
        LinearPredictor.load(tmp_path)
        seconds.append(time.process_time() - begun)
    assert min(seconds) < 0.6  # 0.1 s on a free core.


def test_answers_without_anything_heavy(predictor, tmp_path):
    predictor.save(tmp_path)
    program = f"""
        import sys
        from pathlib import Path
        from metier.predictors import load_predictor
        print(load_predictor(Path({str(tmp_path)!r})).predict(["my card"]).predicted)
        heavy = {{"torch", "transformers", "sklearn", "scipy", "pyarrow", "pandas"}} & set(sys.modules)
        sys.exit(f"imported: {{heavy}}" if heavy else 0)
    """
    done = run(program)
    assert done.returncode == 0, done.stderr
