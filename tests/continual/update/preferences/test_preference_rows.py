"""Preferences as people and services write them, and what is refused of them."""

import json

import numpy as np
import pytest

from metier.continual.update.preferences import judging
from metier.continual.update.preferences.parts import held_out
from metier.continual.update.preferences.preference_rows import read_preferences
from metier.continual.update.preferences.rewards import reward_of
from metier.errors import DataError
from metier.serving.prediction_log import Feedback, Prediction, PredictionLog, time_of
from metier.serving.prediction_log.ids import new_prediction_ids

ROWS = [
    {"text": "Where is it?", "chosen": "On its way.", "rejected": "No idea."},
    {"text": "where is it? ", "chosen": "It is coming.", "rejected": "Somewhere."},
    {"text": "A refund?", "chosen": "Of course.", "rejected": "No."},
]


def test_pairs_share_a_prompt_where_its_text_is_the_same():
    found, notes = read_preferences(ROWS, by="dpo")
    assert found.answers == ("On its way.", "No idea.", "It is coming.", "Somewhere.", "Of course.", "No.")
    assert found.pairs.tolist() == [[0, 1], [2, 3], [4, 5]]
    assert found.n_prompts == 2
    assert found.rows.tolist() == [1, 1, 2, 2, 3, 3]
    assert not notes


def test_forms_of_trl_are_read_alike(tmp_path):
    asked = [{"role": "user", "content": "A refund?"}]
    answers = {
        name: [{"role": "assistant", "content": text}]
        for name, text in (("chosen", "Of course."), ("rejected", "No."))
    }
    apart = {"prompt": asked, **answers}
    within = {name: [*asked, *answer] for name, answer in answers.items()}
    for row in (apart, within):
        path = tmp_path / "trl.jsonl"
        path.write_text(json.dumps(row) + "\n")
        found, _ = read_preferences(path, by="dpo")
        assert found.items == ({"messages": asked},) * 2
        assert found.answers == ("Of course.", "No.")


def test_thumbs_of_one_prompt_make_pairs():
    rows = [
        {"text": "A refund?", "answer": answer, "thumb": thumb}
        for answer, thumb in (("Of course.", "up"), ("No.", "down"), ("Go away.", "down"))
    ]
    found, _ = read_preferences([*rows, {"text": "Else?", "answer": "Yes.", "thumb": "up"}], by="dpo")
    assert found.pairs.tolist() == [[0, 1], [0, 2]]
    assert found.rewards.tolist() == [1, 0, 0, 1]


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"rejected": " of course."}, "in 1 of 3 rows chosen equals rejected \\(row 3\\)"),
        (
            {"text": "Where is it?", "chosen": "no idea.", "rejected": "On its way."},
            "contradict others.*row 1, 3",
        ),
    ],
)
def test_what_teaches_nothing_is_refused_by_its_row_and_left_out_where_that_is_asked_for(changed, said):
    rows = [*ROWS[:2], {**ROWS[2], **changed}]
    with pytest.raises(DataError, match=said):
        read_preferences(rows, by="dpo")
    found, notes = read_preferences(rows, by="dpo", drops=True)
    assert 2 in found.rows
    assert 3 not in found.rows
    assert "left out" in notes[0]


def test_both_thumbs_for_one_answer_contradict():
    rows = [{"text": "A refund?", "answer": "No.", "thumb": thumb} for thumb in ("up", "down")]
    with pytest.raises(DataError, match="contradict others"):
        read_preferences(rows, by="reward_weighted")


def test_other_columns_thumbs_and_empty_rows_are_said():
    with pytest.raises(DataError, match="has the columns text, label"):
        read_preferences([{"text": "a", "label": "b"}], by="dpo")
    with pytest.raises(DataError, match="row 1, thumb: expected up or down, found"):
        read_preferences([{"text": "a b", "answer": "b", "thumb": "sideways"}], by="dpo")
    found, notes = read_preferences([{"text": "", "chosen": "a", "rejected": "b"}, *ROWS], by="dpo")
    assert len(found.pairs) == 3
    assert notes == ("1 rows without a prompt or an answer were left out (row 1)",)
    assert found.rows[0] == 2


def test_what_a_service_was_told_is_read_from_its_store(tmp_path):
    log = PredictionLog(tmp_path)
    ids = new_prediction_ids(3)
    log.write(
        [
            Prediction(id_, time_of(id_), "talk", None, "generator.v1", {"text": answer}, {"text": "A refund?"})
            for id_, answer in zip(ids, ("Of course.", "No.", "Hm."), strict=True)
        ]
    )
    log.add_feedback(Feedback(ids[0], time_of(ids[0]), thumb="up"))
    log.add_feedback(Feedback(ids[1], time_of(ids[1]), correction="Yes, gladly."))
    log.close()
    found, _ = read_preferences(tmp_path, by="dpo")
    assert dict(zip(found.answers, found.rewards.tolist(), strict=True)) == {
        "Of course.": 1,
        "Yes, gladly.": 1,
        "No.": 0,
    }


def many(n_prompts):
    rows = [{**row, "text": f"{row['text']} {n}"} for n in range(n_prompts // 2) for row in ROWS]
    return read_preferences(rows, by="dpo")[0]


def test_answers_to_one_prompt_are_never_parted():
    learned, held = held_out(many(100), random_state=0)
    assert not {str(one) for one in learned.items} & {str(one) for one in held.items}
    assert held.n_prompts == 20
    assert len(learned.pairs) + len(held.pairs) == 150


def test_the_gain_of_answers_that_became_likelier_is_shown_with_its_interval():
    held = many(40)
    before = np.random.default_rng(0).normal(size=len(held))
    found = judging.preferred(held, before, before + held.rewards)
    assert found["margin"]["gain"]["value"] == pytest.approx(1)
    low, high = (found["accuracy"]["gain"][part] for part in ("low", "high"))
    assert 0 < low < found["accuracy"]["gain"]["value"] < high
    none = judging.preferred(held, before, before)
    assert none["accuracy"]["gain"] == {"value": 0, "low": 0, "high": 0}


def test_rewards_are_metrics_or_bounds_of_length():
    assert reward_of("rouge_l")("it is coming", "it is coming") == 1
    assert reward_of("exact_match")("It is coming", " it is COMING") == 1
    reward = reward_of("length:4-8")
    assert [reward("", "word " * n) for n in (2, 4, 8, 12, 40)] == [0.5, 1, 1, 0.5, 0]
