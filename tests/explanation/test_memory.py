"""Context memory: where a needle stands, and answers that are known to depend on the place."""

import json
from pathlib import Path

import numpy as np
import pytest

import metier
from metier.cli.program import run as run_command
from metier.errors import CallError, EmptyDataError
from metier.explanation.memory.context_memory import DEPTHS, FIRST, LENGTHS, WHOLE, WITHOUT, measure_memory
from metier.explanation.memory.needles import Needle, needles_of, stretched
from metier.explanation.memory.writer_memory import NEWEST, measure_writer_memory
from metier.tasks.answer_batches import RecordAnswers
from metier.tasks.answers import LABEL, PASSAGE_ANSWER, SCORE, SPANS
from metier.tasks.inputs import QUESTION, TEXT

SEALED = Path(__file__).parents[1] / "bundles" / "sealed_71959d8"
ENCODER = SEALED / "trained_classification"


def texts_of(n):
    """Rows whose label is their own animal, in English and Chinese."""
    animals = ["cat", "dog", "猫", "狗"]
    return [
        {"text": f"the {animals[place % 4]} number {place}", "label": animals[place % 4]} for place in range(n)
    ]


def first_animal(texts):
    """A model that reads the first animal alone, as one that forgets what comes later."""
    found = []
    for text in texts:
        places = {animal: text.find(animal) for animal in ("cat", "dog", "猫", "狗") if animal in text}
        found.append(min(places, key=places.get))
    return RecordAnswers(found, [{}] * len(found), ("first.v1",) * len(found))


def test_a_needle_stands_whole_at_its_depth():
    needle = Needle(0, "needle", (1,), str, lambda answer, place: 0.0)
    fillers = ["one", "two", "三", "four"]
    for depth, place in ((0.0, 0), (0.25, 4), (0.5, 8), (1.0, 15)):
        found = stretched(needle, fillers, depth)
        assert (found.place, found.text[found.place :][:6]) == (place, "needle")
        assert sorted(found.text.split("\n")) == sorted([*fillers, "needle"])


def test_a_model_that_reads_the_beginning_alone_is_right_at_depth_0_and_nowhere_else():
    rows = metier.data.read(texts_of(60))
    found = measure_memory(first_animal, rows, answer=LABEL, keys=TEXT.keys, folder=ENCODER, most=12)
    assert (found.n_needles, found.measure) == (12, "accuracy")
    by_place = {(one.windows, one.depth, one.handling): one.figure for one in found.cells}
    for length in LENGTHS:
        right = [by_place[length, depth, WHOLE].value for depth in DEPTHS]
        assert right[0] == 1.0
        if length > 0.5:
            assert right[1:] == [0.0] * 4
        assert by_place[length, None, WITHOUT].value == 0.0
    figure = by_place[4.0, 0.0, WHOLE]
    assert figure.low == pytest.approx(0.025 ** (1 / 12), abs=1e-3)  # Clopper and Pearson, of 12 in 12.


def test_what_the_first_window_does_not_hold_is_lost():
    def last_animal(texts):
        return first_animal(["".join(reversed(text.split("\n"))) for text in texts])

    rows = metier.data.read(texts_of(200))
    found = measure_memory(last_animal, rows, answer=LABEL, keys=TEXT.keys, folder=ENCODER, most=10)
    by_place = {(one.windows, one.depth, one.handling): one.figure.value for one in found.cells}
    assert by_place[4.0, 1.0, WHOLE] == 1.0
    assert by_place[4.0, 1.0, FIRST] == 0.0
    losses = {(one.windows, one.handling): one.figure for one in found.losses}
    assert losses[4.0, FIRST].value > losses[4.0, WHOLE].value


def test_answers_and_spans_are_found_where_the_needle_was_moved():
    rows = [
        {"question": f"who is {n}?", "text": f"Passage {n} says that name{n} is he.",
         "answers": [{"text": f"name{n}", "start": len(f"Passage {n} says that ")}]}
        for n in range(12)
    ]  # fmt: skip
    needles = needles_of(
        PASSAGE_ANSWER, QUESTION.keys, metier.data.read(rows, answers="answers", question="question")
    )
    assert needles[3].ask("long")["question"] == "who is 3?"
    assert needles[3].score("name3", 99) == 1.0
    assert needles[3].score(None, 0) == 0.0
    assert 3 not in needles[3].fillers
    assert len(needles[3].fillers) == 11
    tagged = [
        {"text": f"在第{n}页的北京", "spans": [[len(f"在第{n}页的"), len(f"在第{n}页的") + 2, "place"]]}
        for n in range(12)
    ]
    spans = needles_of(SPANS, TEXT.keys, metier.data.read(tagged, spans="spans"))
    start = len("在第5页的")
    assert spans[5].score([[start + 7, start + 9, "place"]], 7) == 1.0
    assert spans[5].score([[start, start + 2, "place"]], 7) == 0.0


def test_what_cannot_be_examined_is_said():
    rows = metier.data.read(texts_of(20))
    with pytest.raises(CallError, match="whose needed words are known"):
        measure_memory(first_animal, rows, answer=SCORE, keys=TEXT.keys, folder=ENCODER)
    with pytest.raises(CallError, match="window of tokens"):
        measure_memory(first_animal, rows, answer=LABEL, keys=TEXT.keys, folder=SEALED / "linear.v1")
    with pytest.raises(EmptyDataError, match="needs 10 rows or more with a true answer, found 8"):
        measure_memory(
            first_animal, metier.data.read(texts_of(8)), answer=LABEL, keys=TEXT.keys, folder=ENCODER
        )
    with pytest.raises(CallError, match="how likely a given answer is"):
        measure_writer_memory(object(), rows)


class Remembering:
    """A writer that finds a reply likely where its name is in the last exchange but one of the history."""

    context_tokens = 60

    def count_tokens(self, text):
        return len(text.split())

    def answer_loss(self, item, answer):
        name = answer.split()[-1]
        near = " ".join(one["content"] for one in item["messages"][-3:])
        return 0.5 if name in near else 4.0


def test_a_writer_that_forgets_finds_replies_less_likely_the_longer_ago_it_was_told():
    rows = [
        {
            "messages": [
                {"role": "user", "content": f"my name is name{n:02d}"},
                {"role": "assistant", "content": "hello"},
                {"role": "user", "content": "who am I?"},
            ],
            "target": f"you are name{n:02d}",
        }
        for n in range(30)
    ]
    found = measure_writer_memory(
        Remembering(), metier.data.read(rows, messages="messages", target="target"), most=10
    )
    by_place = {(one.windows, one.depth, one.handling): one.figure.value for one in found.cells}
    assert by_place[2.0, 1.0, WHOLE] == -0.5
    assert by_place[2.0, 0.0, WHOLE] == -4.0
    assert by_place[2.0, None, WITHOUT] == -4.0
    assert {one.handling for one in found.losses} == {WHOLE, NEWEST}


def test_the_command_prints_the_table_and_what_attention_says(tmp_path, capsys):
    pytest.importorskip("torch", reason="needs metier[train]")
    file = tmp_path / "rows.jsonl"
    labels = metier.load(ENCODER).labels
    rows = [{"text": f"the one that came as number {n}", "label": labels[n % len(labels)]} for n in range(14)]
    file.write_text("\n".join(json.dumps(row) for row in rows), encoding="utf-8")
    assert run_command(["explain", str(ENCODER), "--memory", str(file), "--lang", "zh"]) == 0
    shown = capsys.readouterr().out
    assert "第一个窗口" in shown
    assert "attention_rollout" in shown
    assert run_command(["explain", str(ENCODER), "--memory", str(file), "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["needles"] == 14
    assert -1 <= facts["correlation_with_influence"]["attention_rollout"]["value"] <= 1
    assert np.isfinite([one["figure"]["value"] for one in facts["cells"]]).all()
    assert run_command(["explain", str(ENCODER), "a text", "--memory", str(file)]) != 0
