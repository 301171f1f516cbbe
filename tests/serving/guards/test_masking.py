"""Personal data never reaches the model, and answers point into the text that was sent."""

import json
from pathlib import Path

import pytest

from metier.bundles import load_bundle
from metier.bundles.sealing import read_manifest, record_mask, verify
from metier.cli.served import Loading, load_served
from metier.serving.guards.masking import covered, masked_bundle, uncovered
from metier.tasks.answer_batches import RecordAnswers, SeveralAnswers

SEALED = Path(__file__).parents[2] / "bundles" / "sealed_71959d8"
MAIL = "anna.bell@example.com"


@pytest.mark.parametrize(
    "name",
    ["crf.v1", "linear.v1", "onnx_reader.v1", "pair_linear.v1", "relation_linear.v1", "trained_answering"],
)
def test_where_nothing_is_personal_nothing_changes(name):
    plain = load_bundle(SEALED / name)
    kind = plain.input_kind
    items = [kind.example, kind.chinese_example]
    before, after = plain.predict(items), masked_bundle(plain).predict(items)
    assert [before.record(row) for row in range(2)] == [after.record(row) for row in range(2)]
    assert before.predicted == after.predicted


class Reading:
    """Keeps what it is asked, and answers with all words of a text."""

    def __init__(self):
        self.asked = []

    def predict(self, items):
        self.asked += items
        records = [self._record(item if isinstance(item, str) else item["passage"]) for item in items]
        predicted = [[[one["start"], one["end"], one["label"]] for one in each["spans"]] for each in records]
        return RecordAnswers(predicted, records, ("reading.v1",) * len(items))

    def _record(self, text):
        words, start = [], 0
        for word in text.split(" "):
            words.append({"start": start, "end": start + len(word), "label": "word", "text": word})
            start += len(word) + 1
        return {"spans": words}


TEXT = f"Mail {MAIL} or pay with 4111 1111 1111 1111 at once"


def test_places_are_those_of_the_text_that_was_sent():
    model, asked = Reading(), [covered(TEXT), covered({"question": f"Is {MAIL} mine?", "passage": TEXT})]
    answers = uncovered(model.predict([one.item for one in asked]), asked)
    assert MAIL not in json.dumps(model.asked)
    assert "4111" not in json.dumps(model.asked)
    for row in range(2):
        found = answers.record(row)["spans"]
        assert [one["text"] for one in found] == [
            "Mail",
            MAIL,
            *["or", "pay", "with"],
            "4111 1111 1111 1111",
            "at",
            "once",
        ]
        assert [TEXT[one["start"] : one["end"]] for one in found] == [one["text"] for one in found]
        assert answers.predicted[row] == [[one["start"], one["end"], "word"] for one in found]


def test_every_task_of_several_is_mapped_back():
    model, asked = Reading(), [covered(TEXT)]
    several = SeveralAnswers({"a": model.predict([asked[0].item])}, "several.v1")
    found = uncovered(several, asked).record(0)["tasks"]["a"]["spans"]
    assert found[1]["text"] == MAIL


def test_places_that_are_asked_about_move_with_the_text():
    item = {"text": f"{MAIL}: Acme bought Bolt", "head": [23, 27], "tail": [35, 39]}
    assert item["text"][slice(*item["head"])] == "Acme"
    moved = covered(item).item
    assert [moved["text"][slice(*moved[part])] for part in ("head", "tail")] == ["Acme", "Bolt"]
    assert MAIL not in moved["text"]


def test_texts_inside_of_other_questions_are_masked():
    item = {"messages": [{"role": "user", "content": f"I am {MAIL}"}], "image": b"\x89PNG"}
    assert covered(item).item == {
        "messages": [{"role": "user", "content": "I am <EMAIL_ADDRESS>"}],
        "image": b"\x89PNG",
    }


def test_the_policy_is_the_bundles_unless_one_is_given(tmp_path, copy_bundle):
    folder = copy_bundle("linear.v1")
    assert type(load_served(folder)).__name__ == "Bundle"
    record_mask(folder, "input")
    assert verify(folder).mask == read_manifest(folder).mask == "input"
    assert type(load_served(folder)).__name__ == "MaskedBundle"
    assert type(load_served(folder, Loading(mask="off"))).__name__ == "Bundle"
    assert type(load_served(SEALED / "linear.v1", Loading(mask="input"))).__name__ == "MaskedBundle"
