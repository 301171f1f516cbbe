"""Long texts are learned from all of their windows: words that come late decide, and a book counts once."""

import json
import shutil
import tracemalloc

import numpy as np
import pytest

from metier.bases.known_bases import cutter_of, resolve_base
from metier.predictors.loading import load_predictor
from metier.tasks.inputs.pair import Pair
from metier.training.batching import TokenisedRows
from metier.training.pair_rows import PairRows
from metier.training.window_shares import MOST_KEPT, WindowShares
from metier.transformer.frozen.frozen_method import FrozenLinear, FrozenManyLabels, FrozenPair, FrozenRidge
from metier.transformer.tuned.bi_encoder import BiEncoder
from metier.transformer.tuned.corn_encoder import CornEncoder
from metier.transformer.tuned.encoder import CrossEncoder, Encoder
from metier.transformer.tuned.many_labels_encoder import ManyLabelsEncoder
from metier.transformer.tuned.score_encoder import ScoreEncoder

# Says nothing of either topic, and fills more than the first window that the base reads.
PREAMBLE = "On the following page somebody wrote down in plain words what had happened to them that day. "
WORDS = {"cash": ("withdrawal", "machine", "notes", "coins"), "post": ("letter", "parcel", "stamp", "courier")}
READS = 48
PAGE = "The committee met on Tuesday to discuss the budget of the hospital and its new wing in Geneva. " * 30


@pytest.fixture(scope="module")
def short_base(tiny_base, tmp_path_factory):
    """The tiny base, reading no more than two sentences at once."""
    folder = tmp_path_factory.mktemp("short") / "base"
    shutil.copytree(tiny_base, folder)
    facts = json.loads((folder / "tokenizer_config.json").read_text("utf-8"))
    (folder / "tokenizer_config.json").write_text(json.dumps(facts | {"model_max_length": READS}), "utf-8")
    assert resolve_base(str(folder)).max_length == READS
    return str(folder)


def late_words(n_rows, *, seed):
    """Texts whose topic shows only after the first window, and the topic of each."""
    random = np.random.default_rng(seed)
    topics = [list(WORDS)[number % 2] for number in range(n_rows)]
    drawn = [" ".join(random.choice(WORDS[topic], size=40)) for topic in topics]
    return [f"{PREAMBLE * 3}{random.integers(100)} {words}." for words in drawn], topics


def pairs_of(rows, *, seed):
    """Each text beside a short one on its topic or on the other, and whether they match."""
    texts, topics = rows
    asked = [list(WORDS)[number] for number in np.random.default_rng(seed).integers(2, size=len(texts))]
    pairs = [
        {"text": text, "text_pair": f"{' '.join(WORDS[topic])}?"}
        for text, topic in zip(texts, asked, strict=True)
    ]
    return pairs, [str(int(a == b)) for a, b in zip(asked, topics, strict=True)]


def about(rows):
    """Each text beside a question that says nothing, and its topic."""
    texts, topics = rows
    return [{"text": text, "text_pair": "what is it?"} for text in texts], topics


def labels(rows):
    return rows


def sets(rows):
    return rows[0], [[topic] if topic == "cash" else [] for topic in rows[1]]


def grades(rows):
    return rows[0], ["high" if topic == "cash" else "low" for topic in rows[1]]


def scores(rows):
    return rows[0], [float(topic == "cash") for topic in rows[1]]


def matches(rows):
    return pairs_of(rows, seed=5)


TUNED = {"epochs": 2, "token_budget": 512, "precision": "fp32"}
METHODS = {
    "encoder": (Encoder, TUNED | {"epochs": 4}, labels),
    "many_labels_encoder": (ManyLabelsEncoder, TUNED, sets),
    "corn_encoder": (CornEncoder, TUNED | {"order": ["low", "high"]}, grades),
    "score_encoder": (ScoreEncoder, TUNED, scores),
    "cross_encoder": (CrossEncoder, TUNED, about),
    "bi_encoder": (BiEncoder, TUNED | {"learning_rate": 1e-3, "epochs": 4}, matches),
    "frozen_linear": (FrozenLinear, {}, labels),
    "frozen_many_labels": (FrozenManyLabels, {}, sets),
    "frozen_ridge": (FrozenRidge, {}, scores),
    "frozen_pair": (FrozenPair, {}, matches),
}


def share_right(predicted, truth):
    if isinstance(truth[0], float):
        return np.mean((np.array(predicted) > 0.5) == (np.array(truth) > 0.5))
    return np.mean([a == b for a, b in zip(predicted, truth, strict=True)])


@pytest.mark.parametrize("name", METHODS)
def test_words_of_a_later_window_are_learned(name, short_base):
    kind, settings, made_of = METHODS[name]
    parts = [made_of(late_words(rows, seed=seed)) for rows, seed in ((40, 1), (20, 2), (20, 3))]
    method = kind(base=short_base, **settings).fit(*parts[0], validation=parts[1])
    assert share_right(method.predict(parts[2][0]), parts[2][1]) >= 0.9


@pytest.mark.parametrize("name", ["encoder", "frozen_linear"])
def test_what_is_exported_reads_all_windows_too(name, short_base, tmp_path):
    kind, settings, _ = METHODS[name]
    method = kind(base=short_base, **settings | {"precision": "fp32"})
    method.fit(*late_words(24, seed=1), validation=late_words(12, seed=2))
    method.export(tmp_path)
    texts = [*late_words(12, seed=3)[0], "short", PAGE * 3]
    answers = load_predictor(tmp_path).predict(texts)
    np.testing.assert_allclose(answers.probabilities, method.predict_proba(texts), atol=1e-4)


def test_an_epoch_reads_one_window_of_each_text_by_its_share():
    shares = WindowShares.of(np.array([0, 1, 1, 1, 2, 2]), np.array([5.0, 10, 10, 10, 30, 10]))
    drawn = np.array([shares.drawn(epoch, random_state=0) for epoch in range(4000)])
    assert (shares.owners[drawn] == [0, 1, 2]).all()
    counts = np.bincount(drawn.ravel(), minlength=6) / 4000
    np.testing.assert_allclose(counts, [1, 1 / 3, 1 / 3, 1 / 3, 3 / 4, 1 / 4], atol=0.01)
    # Neighbouring epochs read different windows of three equal ones.
    assert (drawn[1:, 1] != drawn[:-1, 1]).mean() > 0.95


def test_the_mean_weighs_windows_by_their_share():
    shares = WindowShares.of(np.array([0, 0, 1]), np.array([3.0, 1.0, 7.0]))
    numbers = np.array([[4.0, 0.0], [8.0, 4.0], [1.0, 1.0]])
    assert shares.mean(numbers).tolist() == [[5.0, 1.0], [1.0, 1.0]]


def test_a_book_is_one_row_of_an_epoch_and_its_memory_is_bounded(short_base):
    cutter = cutter_of(resolve_base(short_base))
    inputs, truth = [PAGE * 200, "short", PAGE], np.array([4, 5, 6])
    tracemalloc.start()
    rows = TokenisedRows.cut(cutter, inputs, truth, 0)
    kept, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(rows) == 3
    assert len(rows.ids) <= 2 * MOST_KEPT + 1
    assert kept < 200_000
    assert peak < 60_000_000
    read = rows.read_in(0, random_state=0)
    assert rows.batch(read).labels.tolist() == [4, 5, 6]
    assert sorted(set(rows.shares.owners[read])) == [0, 1, 2]


def test_two_long_sides_are_learned_in_step(short_base):
    cutter = cutter_of(resolve_base(short_base))
    pairs = [Pair("one two", "three"), Pair(PAGE, "four"), Pair("five", PAGE)]
    rows = PairRows.apart(cutter, pairs, np.array([[1, 0, 1], [1, 2, 3], [0, 4, 5]]), 0)
    assert len(rows) == 3
    whole = [cutter.cut([PAGE]).ids[0][:5], cutter.first(["five"])[0]]
    at = np.flatnonzero(rows.shares.owners == 1)[0]
    assert rows.ids[at][:5].tolist() == whole[0]
    last = np.flatnonzero(rows.shares.owners == 2)[-1]
    assert rows.ids[last][: rows.first_lengths[last]].tolist() == whole[1]
    batch = rows.batch(rows.read_in(1, random_state=0))
    assert len(batch) == 6
    assert batch.labels[:, 0].tolist() == [1, 1, 0]
