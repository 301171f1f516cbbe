"""Encoders of every kind of answers learn from items without targets: batches, the loss by hand, and what it changes."""

import numpy as np
import pytest
import torch

from metier.errors import SettingsError
from metier.selection.unlabelled.tuned_by_unlabelled import Consistency, DomainPretraining
from metier.tasks.inputs.changes import change
from metier.text.augmentation import Augmentation, build_way
from metier.training.batching import TokenisedRows
from metier.training.heads.token_classifier import TaggedRows
from metier.training.objectives.learning import GRADES, LABEL_SETS, LABELS, SCORES, TAGS
from metier.transformer.unlabelled.consistent_answers import BothSorts, RowsOfBothSorts, consistent

NO = -100
CITIES = ("Paris", "London", "Berlin", "Madrid", "Rome", "Vienna", "Oslo", "Cairo")


def test_a_batch_holds_labelled_rows_and_items_before_their_other_versions():
    labelled = TokenisedRows([[1, 2], [3]], np.array([0, 1]), 0)
    rows = RowsOfBothSorts.of(labelled, TokenisedRows([[4, 5, 6], [7], [4, 6], [7, 8]], None, 0))
    assert len(rows) == 4
    assert rows.lengths.tolist() == [2, 1, 5, 3]
    batch = rows.batch(np.array([2, 0, 3, 1]))
    assert batch.known.input_ids.tolist() == [[1, 2], [3, 0]]
    assert batch.labels.tolist() == [0, 1]
    assert batch.versions.input_ids.tolist() == [[4, 5, 6], [7, 0, 0], [4, 6, 0], [7, 8, 0]]
    assert rows.batch(np.array([0])).versions is None
    assert rows.batch(np.array([3])).labels is None


def test_tokens_that_begin_a_word_stand_in_the_same_order_in_both_versions():
    tags = [np.array(own) for own in ([NO, 0, NO, 0], [NO, 0, 0])]
    versions = TaggedRows([[1, 2, 3, 4], [1, 5, 4]], None, 0, tags, tags)
    labelled = TaggedRows([[9, 9]], None, 0, [np.array([1, 2])], [np.array([0, 0])])
    batch = RowsOfBothSorts.of(labelled, versions).batch(np.array([0, 1]))
    logits = torch.arange(2 * 4 * 3).reshape(2, 4, 3).float()
    asked = TAGS.questions(logits, batch.versions)
    assert asked[:2].tolist() == logits[0, [1, 3]].tolist()
    assert asked[2:].tolist() == logits[1, [1, 2]].tolist()


@pytest.mark.parametrize(
    ("learning", "logits", "expected"),
    [
        # The second question is not sure enough to count; KL of (.9, .1) from (.6, .4), over two questions.
        (
            LABELS,
            [[0.9, 0.1], [0.55, 0.45], [0.6, 0.4], [0.5, 0.5]],
            (0.9 * np.log(1.5) + 0.1 * np.log(0.25)) / 2,
        ),
        (SCORES, [[2.0], [1.0], [2.5], [1.0]], 0.25 / 2),
    ],
    ids=["labels", "scores"],
)
def test_the_divergence_is_what_one_works_out_by_hand(learning, logits, expected):
    found = torch.tensor(logits) if learning is SCORES else torch.log(torch.tensor(logits))
    versions = TokenisedRows([[1]] * 4, None, 0).batch(np.arange(4))
    both = consistent(lambda model, batch: 1.0, learning=learning, weight=2.0, confidence=0.7, temperature=1.0)
    alone = both(lambda batch: found, BothSorts(None, versions))
    assert float(alone) == pytest.approx(2.0 * expected, abs=1e-6)
    assert float(both(lambda batch: found, BothSorts(versions, versions))) == pytest.approx(
        1 + 2 * expected, abs=1e-6
    )


@pytest.mark.parametrize("learning", [LABEL_SETS, GRADES], ids=["sets", "grades"])
def test_each_label_or_step_is_a_question_of_its_own(learning):
    logits = torch.tensor([[3.0, -3.0], [3.0, 3.0]])
    versions = TokenisedRows([[1]] * 2, None, 0).batch(np.arange(2))
    both = consistent(lambda model, batch: 0.0, learning=learning, weight=1.0, confidence=0.0, temperature=1.0)
    p, q = 1 / (1 + np.exp(3)), 1 / (1 + np.exp(-3))
    expected = (p * np.log(p / q) + q * np.log(q / p)) / 2
    assert float(both(lambda batch: logits, BothSorts(None, versions))) == pytest.approx(expected, abs=1e-5)


def test_a_question_put_differently_keeps_what_it_is_about():
    random, way = np.random.default_rng(0), build_way(Augmentation("swap", 0.5), synonyms={})
    item = {"text": "Acme bought Bolt in the long cold spring", "head": [0, 4], "tail": [12, 16]}
    other = change(item, way, random)
    assert other["text"] != item["text"]
    assert [other["text"][slice(*other[entity])] for entity in ("head", "tail")] == ["Acme", "Bolt"]
    pair = change({"text": "one two three", "text_pair": "four five six"}, way, random)
    assert (
        sum(pair[side] == old for side, old in (("text", "one two three"), ("text_pair", "four five six"))) == 1
    )
    assert change({"question": "who?", "passage": "we did"}, way, random) is None


def marked(start, name, end):
    return start + name + end, [[len(start), len(start) + len(name), "city"]]


def founded(city, word):
    start = len(city) + len(word) + 2
    return {"text": f"{city} {word} Acme", "head": [0, len(city)], "tail": [start, start + 4]}


def pairs(text, other, cities=CITIES):
    """Pairs of the same city, and of another one."""
    both = [(city, named) for city in cities for named in (city, "Milan")]
    return [{"text": text.format(one), "text_pair": other.format(two)} for one, two in both]


def crossed(pattern, targets):
    """A row for each city and word, with the target of the word."""
    return [(pattern.format(word, city), target) for city in CITIES for word, target in targets.items()]


WEATHER = [f"the {word} days that we had in {city}" for city in CITIES for word in ("bad", "great")]
ROWS = {
    "token_encoder.v1": (
        [marked("we met in ", city, " last year") for city in CITIES],
        [f"they went to {city} by train" for city in CITIES],
    ),
    "relation_encoder.v1": (
        [(founded(city, word), word) for city in CITIES for word in ("founded", "closed")],
        [
            founded(city, word)
            for city in ("Lima", "Bern", "Kyiv")
            for word in ("founded the old", "closed the new")
        ],
    ),
    "many_labels_encoder.v1": (
        crossed("a {} to {}", {"flight": ["air"], "train": ["rail"], "walk": []}),
        [f"the {word} from {city} was late today" for city in CITIES for word in ("flight", "train")],
    ),
    "corn_encoder.v1": (crossed("{} weather in {}", {"bad": "1", "fair": "2", "great": "3"}), WEATHER),
    "score_encoder.v1": (crossed("{} weather in {}", {"bad": 1.0, "fair": 2.0, "great": 4.0}), WEATHER),
    "cross_encoder.v1": (
        list(zip(pairs("is {} open", "{} is open"), ["yes", "no"] * len(CITIES), strict=True)),
        pairs("was {} closed then", "{} was closed"),
    ),
}
SHORT = {"epochs": 2, "random_state": 0}
SETTLED = {
    "token_encoder.v1": {"outside_bias": 0.0, "calibration": (1.0, 0.0)},
    "many_labels_encoder.v1": {"rule": {"air": [1.0, 0.0, 0.5], "rail": [1.0, 0.0, 0.5]}},
    "score_encoder.v1": {"half_width": 1.0},
}


def settled(name):
    return {"stop_epoch": 2, **SETTLED.get(name, {"temperature": 1.0})}


def apart(method, items, seed=1):
    """How far the logits of items and of their other versions lie apart."""
    random, way = np.random.default_rng(seed), build_way(Augmentation("keyboard", 0.15), synonyms={})
    pairs = [(item, other) for item in items if (other := change(item, way, random)) is not None]
    found = []
    for side in (0, 1):
        logits = method.best_._logits(method.best_.method.input.read([pair[side] for pair in pairs]))
        found.append([np.atleast_1d(getattr(one, "logits", one)) for one in logits])
    same = [(one, other) for one, other in zip(*found, strict=True) if one.shape == other.shape]
    assert same
    return float(np.mean([np.abs(one - other).mean() for one, other in same]))


@pytest.mark.parametrize("name", ROWS)
def test_an_encoder_is_held_to_the_same_answer(name, small_base):
    rows, items = ROWS[name]
    X, y = (list(part) for part in zip(*rows, strict=True))
    given = {"method": name, "base": str(small_base), "arguments": settled(name), **SHORT}
    taught = Consistency(**given, unlabelled=items, confidence=0.0, weight=20.0, sharpening=1.0).fit(X, y)
    plain = Consistency(**given).fit(X, y)
    assert taught.facts_["versions"] > 0
    assert "versions" not in plain.facts_
    assert apart(taught, items) < apart(plain, items)


@pytest.mark.parametrize("name", ROWS)
def test_its_base_learns_the_words_first(name, small_base, tmp_path, monkeypatch):
    monkeypatch.setenv("METIER_CACHE", str(tmp_path))
    rows, items = ROWS[name]
    X, y = (list(part) for part in zip(*rows, strict=True))
    given = {"method": name, "base": str(small_base), "arguments": settled(name), **SHORT}
    taught = DomainPretraining(**given, unlabelled=items).fit(X, y)
    assert taught.facts_["pretraining"]["texts"] > 0
    assert len(taught.predict(X)) == len(X)


def test_what_has_no_head_is_refused():
    with pytest.raises(SettingsError, match="expected an encoder that is fine-tuned"):
        Consistency(method="crf.v1", unlabelled=["a text"]).fit(["a"], [[]])
    with pytest.raises(SettingsError, match="expected the name of the method"):
        Consistency(unlabelled=["a text"]).fit(["a"], ["b"])
