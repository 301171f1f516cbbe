"""Small bundles of every kind that has an encoder, and rows for each."""

from itertools import product
from pathlib import Path

import pytest

SEALED = Path(__file__).parents[1] / "bundles" / "sealed_71959d8"
TOPICS = {
    "lost_card": ("I lost my card", "my card is gone", "someone stole my card", "我的卡丢了"),
    "exchange_rate": ("what is the rate", "which rate do I get", "is the rate good", "汇率是多少"),
    "change_pin": ("I want a new pin", "how do I change my pin", "my pin is old", "怎么改密码"),
}
OPENINGS = ("", "hello, ", "please: ", "today ")
PEOPLE, FIRMS, CITIES = ("Anna", "Boris", "Clara", "David"), ("Acme", "Bolt", "Corin"), ("Paris", "Rome")
VERBS = {"employs": "works for", "founded": "founded", "left": "left"}
GRADES = {"poor": "bad", "fair": "plain", "fine": "good"}


def labelled():
    return [
        {"text": opening + phrase, "label": label}
        for opening, (label, phrases) in product(OPENINGS, TOPICS.items())
        for phrase in phrases
    ]


def label_sets():
    parts = {"food": "the food", "price": "the price", "staff": "the staff"}
    return [
        {
            "text": f"{word} in {city}: {' and '.join(parts[one] for one in chosen) or 'nothing'}",
            "labels": list(chosen),
        }
        for word, city in product(("bad", "good", "odd"), CITIES)
        for chosen in ((), ("food",), ("price",), ("staff", "food"), ("price", "staff"))
    ]


def graded():
    return [
        {"text": f"the {what} in {city} was {word}", "label": grade}
        for (grade, word), city, what in product(GRADES.items(), CITIES, ("food", "staff", "room"))
    ]


def scored():
    worth = {"bad": 1.0, "plain": 3.0, "good": 5.0}
    return [{"text": row["text"], "score": worth[row["text"].split()[-1]]} for row in graded()]


def pairs():
    said = [(label, phrase) for label, phrases in TOPICS.items() for phrase in phrases[:2]]
    return [
        {"text": a, "text_pair": b, "label": "same" if label == other else "different"}
        for (label, a), (other, b) in product(said, said)
        if a != b
    ]


def placed(name, text):
    return [text.index(name), text.index(name) + len(name)]


def sentences():
    for (person, firm), (verb, said) in product(product(PEOPLE, FIRMS), VERBS.items()):
        yield person, verb, firm, f"{person} {said} {firm} in Paris."


def tagged():
    return [
        {
            "text": text,
            "spans": [
                [*placed(name, text), label] for name, label in ((p, "person"), (f, "firm"), ("Paris", "city"))
            ],
        }
        for p, _, f, text in sentences()
    ]


def related():
    return [
        {"text": text, "head": placed(p, text), "tail": placed(f, text), "label": verb}
        for p, verb, f, text in sentences()
    ]


def asked():
    return [
        {
            "question": f"Who {VERBS[verb]} {f}?",
            "passage": f"It was a long day. {text} The rest is known.",
            "answers": [{"text": p, "start": 19 + text.index(p)}],
        }
        for p, verb, f, text in sentences()
    ]


ROWS = {
    "onnx_encoder.v1": labelled,
    "onnx_pair_encoder.v1": pairs,
    "onnx_bi_encoder.v1": pairs,
    "onnx_relation.v1": related,
    "onnx_many_labels.v1": label_sets,
    "onnx_grader.v1": graded,
    "onnx_scorer.v1": scored,
    "onnx_tagger.v1": tagged,
    "onnx_reader.v1": asked,
}


QUICK = ("onnx_encoder.v1", "onnx_tagger.v1")  # The others take the same way, and stand in `make prove`.


@pytest.fixture(
    scope="session",
    params=[pytest.param(one, marks=() if one in QUICK else pytest.mark.slow) for one in ROWS],
)
def kind(request):
    """Each kind of predictor with an encoder."""
    return request.param


@pytest.fixture
def materials_of(tmp_path):
    """Gives what techniques learn from for a kind of predictor."""
    pytest.importorskip("torch", reason="needs metier[train]")
    import metier
    from metier.bundles import read_manifest
    from metier.compression.materials import LabelledItems, Materials
    from metier.tasks.task_table import load_task

    def made(kind):
        folder, rows = SEALED / kind, metier.read(ROWS[kind]())
        facts = read_manifest(folder).task
        stated = {"order": tuple(GRADES)} if facts.name == "ordinal" else {}
        task = load_task(facts.name).from_rows(rows, **stated)
        items = LabelledItems(list(task.items(rows)), list(task.targets(rows)))
        return Materials(
            items,
            items,
            items,
            folder,
            tmp_path,
            facts.input_kind,
            facts.answer_kind,
            labels=facts.labels,
            epochs=1,
        )

    return made
