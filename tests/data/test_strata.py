from collections import Counter

import numpy as np
import pytest

from metier.data import drop_unlabelled, read, split_rows
from metier.data.strata import strata_of


def parts(splits):
    return (splits.train, splits.validation, splits.test)


def counted(rows, role):
    values = rows.values(role)
    return Counter(value[2] if role == "spans" else value for row in values for value in row)


def test_the_rarest_type_of_entity_is_stratified(examples):
    rows = read(examples / "uner_zh_gsd/train.conll")
    splits = split_rows(rows, validation_fraction=0.1, random_state=0)
    for kind in counted(rows, "spans"):
        with_kind = [
            sum(any(s[2] == kind for s in spans) for spans in part.values("spans")) for part in parts(splits)
        ]
        assert with_kind[2] / sum(with_kind) == pytest.approx(0.2, abs=0.05)
        assert with_kind[1] / sum(with_kind) == pytest.approx(0.1, abs=0.05)
    assert any("stratified by type of entity" in note for note in splits.notes)


def test_rare_labels_among_many_are_in_every_part(examples):
    rows = read(examples / "sgd_dialogues/acts/train.jsonl", group="none")
    splits = split_rows(rows, validation_fraction=0.1, random_state=0)
    often = [label for label, times in counted(rows, "labels").items() if times >= 15]
    for part in parts(splits):
        assert not set(often) - set(counted(part, "labels"))


def test_a_label_with_two_rows_among_many_is_no_error():
    words = np.random.default_rng(0).integers(10**8, 10**9, size=(40, 3))
    source = [{"text": " ".join(map(str, row)), "labels": ["often"]} for row in words]
    source[0]["labels"] = source[1]["labels"] = ["often", "twice"]
    rows = read(source)
    assert set(strata_of(rows, n_parts=3).names) == {"", "often"}
    assert [
        len(part) for part in parts(split_rows(rows, validation_fraction=0.1, random_state=0))
    ] == pytest.approx([28, 4, 8], abs=1)


def test_scores_are_stratified_by_fifths():
    random = np.random.default_rng(0)
    words = random.integers(10**8, 10**9, size=(500, 3))
    scores = np.sort(random.exponential(size=500))
    rows = read(
        [{"text": " ".join(map(str, row)), "score": score} for row, score in zip(words, scores, strict=True)]
    )
    splits = split_rows(rows, validation_fraction=0.1, random_state=0)
    for part in parts(splits):
        fifths = np.bincount(np.searchsorted(np.quantile(scores, [0.2, 0.4, 0.6, 0.8]), part.values("score")))
        assert fifths / len(part) == pytest.approx([0.2] * 5, abs=0.01)


@pytest.mark.parametrize("file", ["cmrc2018/train.json", "xquad/test.en.json"])
def test_questions_about_one_passage_stay_together(examples, file):
    for group in ("none", None):
        splits = split_rows(read(examples / file, group=group), random_state=0)
        passages = [set(part.texts) for part in parts(splits)]
        assert all(passages)
        assert not passages[0] & passages[1] | passages[0] & passages[2] | passages[1] & passages[2]
        assert any("questions about one passage" in note for note in splits.notes)


def test_equal_pairs_stay_together_and_one_side_may_recur():
    words = [" ".join(map(str, row)) for row in np.random.default_rng(0).integers(10**8, 10**9, size=(60, 3))]
    source = [
        {"text": "the same question", "text_pair": word, "label": "ab"[n % 2]} for n, word in enumerate(words)
    ]
    splits = split_rows(read(source + source), random_state=0)
    sides = [set(part.values("text_pair")) for part in parts(splits)]
    assert all(sides)
    assert not sides[0] & sides[1] | sides[0] & sides[2] | sides[1] & sides[2]


def test_short_answers_do_not_tie_all_dialogues_together(examples):
    rows = read(examples / "sgd_dialogues/acts/train.jsonl")
    splits = split_rows(rows, validation_fraction=0.1, random_state=0)
    dialogues = [set(part.column("group")) for part in parts(splits)]
    assert not dialogues[0] & dialogues[1] | dialogues[0] & dialogues[2] | dialogues[1] & dialogues[2]
    assert [len(part) / len(rows) for part in parts(splits)] == pytest.approx([0.7, 0.1, 0.2], abs=0.03)


def test_duplicates_that_would_tie_all_groups_together_are_ignored():
    words = np.random.default_rng(0).integers(10**8, 10**9, size=(60, 3))
    source = [{"text": " ".join(map(str, row)), "group": n // 2} for n, row in enumerate(words)]
    source += [{"text": "Yes, please.", "group": group} for group in range(30)]
    splits = split_rows(read(source), validation_fraction=0.1, random_state=0)
    groups = [set(part.column("group")) for part in parts(splits)]
    assert [len(part) for part in groups] == pytest.approx([21, 3, 6], abs=1)
    assert all(note.endswith(", with rows of one group kept together") for note in splits.notes)


def test_a_short_passage_stays_in_one_split_however_long_its_questions():
    words = [" ".join(map(str, row)) for row in np.random.default_rng(0).integers(10**8, 10**9, size=(60, 9))]
    source = [
        {"text": f"passage {n % 20}", "question": word, "answers": [{"text": str(n % 20), "start": 8}]}
        for n, word in enumerate(words)
    ]
    passages = [
        set(part.texts) for part in parts(split_rows(read(source), validation_fraction=0.1, random_state=0))
    ]
    assert [len(part) for part in passages] == [14, 2, 4]


@pytest.mark.parametrize("file", ["tatoeba_en_zh/dev.jsonl", "sgd_dialogues/messages/train.jsonl"])
def test_target_texts_are_split_at_random(examples, file):
    splits = split_rows(read(examples / file), random_state=0)
    assert all(len(part) > 10 for part in parts(splits))
    assert any("at random" in note for note in splits.notes)


def test_rows_without_a_target_are_removed():
    rows = read([{"text": "a b", "spans": [[0, 1, "X"]]}, {"text": "c d", "spans": None}])
    kept, dropped = drop_unlabelled(rows)
    assert (list(kept.texts), dropped) == (["a b"], 1)
