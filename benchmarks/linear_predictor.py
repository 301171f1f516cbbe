"""The linear predictor against the scikit-learn pipeline it came from, on one thread.

Both answer the same test rows with the same weights, one row at a time and then in batches. They alternate
row by row in random order, so a busy moment affects both, and only the ratio is meaningful. Times are processor
times, so other programs on the same cores do not count. Answers are compared as well.

Two pipelines of scikit-learn are timed: the one with our n-grams, which gives the same probabilities, and the
stock one (its own `word` and `char_wb` analysers), which is the usual code and gives other
probabilities.

    python -m benchmarks.linear_predictor [--rows 1000]
"""

import argparse
import csv
import json
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

# One thread each; read when numpy is first imported.
for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[variable] = "1"

import numpy as np  # noqa: E402
from scipy.special import softmax  # noqa: E402
from sklearn.feature_extraction.text import TfidfVectorizer  # noqa: E402
from sklearn.pipeline import FeatureUnion, Pipeline, make_pipeline, make_union  # noqa: E402
from sklearn.svm import LinearSVC  # noqa: E402

from metier.classical import TfidfLinear  # noqa: E402
from metier.features.tfidf import character_ngrams, level, pieces, word_ngrams  # noqa: E402
from metier.machine import describe_machine  # noqa: E402
from metier.predictors.linear.linear_predictor import LinearPredictor  # noqa: E402

EXAMPLES = Path(__file__).parents[1] / "examples" / "banking77"
TEMPERATURE = 0.2
Answer = Callable[[list[str]], np.ndarray]


def main() -> None:
    """Train, compare, time, print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rows", type=int, default=1_000, help="Validation rows to predict.")
    options = parser.parse_args()
    texts, labels = read("train.csv")
    test_texts, _ = read("test.csv")
    test_texts = [test_texts[i] for i in np.random.default_rng(0).permutation(len(test_texts))[: options.rows]]

    method = TfidfLinear(model="svc", C=1.0, temperature=TEMPERATURE).fit(texts, labels)
    same = same_pipeline(method, texts)
    stock = stock_pipeline().fit(texts, labels)
    with tempfile.TemporaryDirectory() as folder:
        method.export(Path(folder))
        begun = time.thread_time()
        predictor = LinearPredictor.load(Path(folder))
        load_seconds = time.thread_time() - begun
        size_bytes = sum(path.stat().st_size for path in Path(folder).iterdir())
        # A second one that forgets: what the very first rows of a service cost.
        forgetful = LinearPredictor.load(Path(folder))

    def cold(asked: list[str]) -> np.ndarray:
        forgetful.features._remembered.clear()
        return forgetful.predict(asked).probabilities

    answers: dict[str, Answer] = {
        "metier": lambda asked: predictor.predict(asked).probabilities,
        "metier, nothing remembered": cold,
        "scikit-learn, same n-grams": lambda asked: probabilities(same, asked),
        "scikit-learn, stock": lambda asked: probabilities(stock, asked),
    }
    difference = np.abs(answers["metier"](test_texts) - answers["scikit-learn, same n-grams"](test_texts)).max()
    single = time_single(answers, test_texts)
    batch = time_batches(answers, test_texts)
    facts: dict[str, Any] = {
        "benchmark": "linear_predictor",
        "rows": len(test_texts),
        "largest_difference": float(difference),
        "one_row_ms": {name: quantiles(times) for name, times in single.items()},
        "one_row_ratio": {name: ratio(times, single["metier"]) for name, times in single.items()},
        "batch_rows_per_second": {name: round(len(test_texts) / seconds) for name, seconds in batch.items()},
        "batch_ratio": {name: round(seconds / batch["metier"], 2) for name, seconds in batch.items()},
        "load_seconds": round(load_seconds, 3),
        "size_bytes": size_bytes,
        "n_ngrams": predictor.features.n_columns,
        "machine": describe_machine().as_dict(),
    }
    print(json.dumps(facts, indent=1))


def read(name: str) -> tuple[list[str], list[str]]:
    """Read texts and labels of banking77."""
    with (EXAMPLES / name).open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    return [row["text"] for row in rows], [row["label"] for row in rows]


def same_pipeline(method: TfidfLinear, texts: list[str]) -> Pipeline:
    """Write a fitted method as the pipeline it is: scikit-learn's parts, our n-grams, the same weights."""
    predictor = method.predictor_
    vectors = predictor.features
    n_words = len(vectors.words)
    blocks, columns = [], []
    for analyze, ngrams, first in (
        (analyze_words, vectors.words, 0),
        (analyze_characters, vectors.characters, n_words),
    ):
        block = TfidfVectorizer(analyzer=analyze, sublinear_tf=True).fit(texts)
        ours = {ngram: column for column, ngram in enumerate(ngrams, start=first)}
        columns += [ours[ngram] for ngram in block.get_feature_names_out()]
        blocks.append((f"block {first}", block))
    union = FeatureUnion(blocks)
    linear = LinearSVC()
    linear.classes_ = method.classes_
    # In the order that fitting leaves, where a product with sparse rows copies nothing.
    linear.coef_ = np.asfortranarray(predictor.weights.T[:, columns], dtype=np.float64)
    linear.intercept_ = predictor.bias
    return make_pipeline(union, linear)


def analyze_words(text: str) -> list[str]:
    """All word n-grams of a text, as scikit-learn wants them."""
    return word_ngrams(level(text))


def analyze_characters(text: str) -> list[str]:
    """All character n-grams of a text, as scikit-learn wants them."""
    return [ngram for piece in pieces(level(text)) for ngram in character_ngrams(piece)]


def stock_pipeline() -> Pipeline:
    """Build the pipeline that a tutorial would write."""
    words = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True)
    characters = TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 5), sublinear_tf=True)
    return make_pipeline(make_union(words, characters), LinearSVC())


def probabilities(pipeline: Pipeline, texts: list[str]) -> np.ndarray:
    """Answer with a pipeline: softmax of its logits, as in the predictor."""
    return softmax(pipeline.decision_function(texts) / TEMPERATURE, axis=1)


def time_single(answers: dict[str, Answer], texts: list[str]) -> dict[str, np.ndarray]:
    """Time each row alone, all ways in turn in random order; gives milliseconds."""
    random = np.random.default_rng(0)
    names = list(answers)
    times = {name: np.empty(len(texts)) for name in names}
    for text in texts[:50]:  # Warm up.
        for name in names:
            answers[name]([text])
    for row, text in enumerate(texts):
        for which in random.permutation(len(names)):
            begun = time.thread_time()
            answers[names[which]]([text])
            times[names[which]][row] = (time.thread_time() - begun) * 1000
    return times


def time_batches(answers: dict[str, Answer], texts: list[str], *, rounds: int = 7) -> dict[str, float]:
    """Time all rows together; gives the median of some rounds in seconds."""
    seconds: dict[str, list[float]] = {name: [] for name in answers}
    for _ in range(rounds):
        for name, answer in answers.items():
            begun = time.thread_time()
            answer(texts)
            seconds[name].append(time.thread_time() - begun)
    return {name: float(np.median(taken)) for name, taken in seconds.items()}


def quantiles(times: np.ndarray) -> dict[str, float]:
    """Median and 95th percentile."""
    return {"p50": round(float(np.median(times)), 4), "p95": round(float(np.percentile(times, 95)), 4)}


def ratio(times: np.ndarray, reference: np.ndarray) -> float:
    """Median over rows of how many times as long as the predictor it took on the same row."""
    return round(float(np.median(times / reference)), 2)


if __name__ == "__main__":
    main()
