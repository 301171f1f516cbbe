"""Findings in rows of every task: unusable values, and usable values that are still wrong."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from metier.audit import drop_leaks, examine_source
from metier.data import read
from metier.data.columns.column_parsing import REPAIRS
from metier.errors import BrokenValueError

EXAMPLES = Path(__file__).parents[2] / "examples"
SENTENCE = "Ada Lovelace lived in London."


def examined(source, **how):
    return examine_source(source, **how)


def found(source, **how):
    """Give the findings by name, a list for each name."""
    by_name = {}
    for finding in examined(source, **how).audit.findings:
        by_name.setdefault(finding.check, []).append(finding)
    return by_name


def tagged(*spans, text=SENTENCE):
    return {"text": text, "spans": list(spans)}


def test_broken_spans_are_reported_by_kind_with_what_repair_would_do(tmp_path):
    rows = [
        tagged([0, 12, "PER"]),
        tagged([12, 21, "X"]),  # a space before it
        tagged([22, 99, "LOC"]),  # outside
        tagged([0, 12, "PER"], [4, 12, "PER"]),  # overlap
        tagged({"start": 1, "end": 13, "label": "PER", "text": "Ada Lovelace"}),  # off by one
        tagged({"start": 0, "end": 3, "label": "PER", "text": "Bob"}),  # not there at all
        tagged("nonsense"),
        tagged([22, 28, "LOC"]),
    ]
    path = tmp_path / "rows.jsonl"
    path.write_text("\n".join(json.dumps(row) for row in rows))
    with pytest.raises(BrokenValueError):
        read(path, spans="spans")
    audit = examined(path, spans="spans")
    kinds = {f.facts["kind"]: f for f in audit.audit.find("broken-spans")}
    assert {kind: (f.rows, f.facts["fixed"], f.facts["left_out"]) for kind, f in kinds.items()} == {
        "that begin or end with a space": ((1,), 1, 0),
        "that reach outside their text": ((2,), 1, 0),
        "that overlap": ((3,), 1, 0),
        "whose offsets do not match their surface text": ((4,), 1, 0),
        "whose surface text is not in their text": ((5,), 1, 0),
        "that cannot be read": ((6,), 0, 1),
    }
    assert (
        "row 2: the span [12, 21, 'X'] begins or ends with a space"
        in kinds["that begin or end with a space"].sentence
    )
    assert all(f.severity == "error" and f.remedy == "--repair" for f in kinds.values())
    lost = {kind: f.facts["pieces_left_out"] for kind, f in kinds.items() if f.facts["pieces_left_out"]}
    assert lost == {"that overlap": 1, "whose surface text is not in their text": 1}
    assert kinds["that overlap"].sentence.endswith("--repair fixes it, without 1 span")
    assert kinds["that overlap"].examples[0]["text"] == SENTENCE
    # Later findings number rows as in the file, though the seventh row was removed.
    assert len(audit.rows) == 7
    assert audit.rows.values("spans")[-1] == [[22, 28, "LOC"]]


def test_rows_after_a_removed_row_keep_their_numbers():
    rows = [tagged("?"), *(tagged([4, 8, "PER"]) for _ in range(3))]
    findings = found(rows, spans="spans")
    assert findings["cut-words"][0].rows == (1, 2, 3)
    assert [example["row"] for example in findings["cut-words"][0].examples] == [2, 3, 4]
    assert findings["duplicates"][0].rows == (2, 3)


def test_row_numbers_are_kept_with_a_split_column_and_removed_rows():
    names = ("train", "test", "train", "test")
    rows = [tagged("?") | {"split": "train"}, *(tagged([4, 8, "PER"]) | {"split": name} for name in names)]
    findings = found(rows, spans="spans")
    assert findings["cut-words"][0].rows == (1, 3)
    assert findings["test-leakage"][0].rows == (2, 4)


def test_with_repair_the_repaired_rows_are_examined():
    rows = [tagged([12, 21, "X"]), tagged([0, 12, "PER"], text=SENTENCE + " Yes.")]
    result = examined(rows, repair=True)
    assert not result.audit.find("broken-spans")
    assert any("repair fixed 1" in note for note in result.rows.notes)


def test_faults_of_every_column_are_reported():
    row = {"text": SENTENCE, "head": [0, 99], "tail": [22, 28], "label": "lives_in"}
    rows = [row, {**row, "head": [0, 12], "tail": [21, 28]}, {**row, "head": [0, 12]}]
    findings = found(rows)["broken-entities"]
    assert {f.facts["column"]: f.rows for f in findings} == {"head": (0,), "tail": (1,)}


def test_words_cut_by_a_wrong_offset_are_shown_whole():
    (finding,) = found([tagged([0, 11, "PER"]), tagged([22, 28, "LOC"], text=SENTENCE + " So.")])["cut-words"]
    assert "row 1 marks 'Ada Lovelac' in 'Ada Lovelace'" in finding.sentence
    assert finding.severity == "warning"
    assert "cut-words" not in found(
        [tagged([0, 2, "地名"], text="北京市很大。"), tagged([3, 4, "x"], text="我在上海。")]
    )


def test_relations_that_training_would_refuse_are_errors():
    rows = [{"text": SENTENCE, "head": [0, 11], "tail": [22, 28], "label": "a"}] * 3
    assert found(rows)["cut-words"][0].severity == "error"
    same = [{"text": SENTENCE, "head": [0, 12], "tail": [0, 12], "label": "a"}]
    assert found(same)["overlapping-entities"][0].severity == "error"


def test_spans_longer_than_a_window_are_reported():
    long = "word " * 1_200
    whole = tagged([0, 4, "X"], text=long)
    cut = tagged([1_000, 1_000 + 5 * 450 - 1, "X"], text=long + "end")
    (finding,) = found([whole, cut])["cut-by-windows"]
    assert finding.rows == (1,)
    short = tagged([0, 4 * 300 - 1, "X"], text="abc " * 400)
    assert "cut-by-windows" not in found([short, tagged([0, 1, "X"], text="a b")])


def test_an_i_tag_without_b_is_a_finding_and_the_other_rows_are_examined(tmp_path):
    path = tmp_path / "rows.conll"
    path.write_text("Ada I-PER\nlived O\n\nin O\nLondon B-LOC\n\nin O\nParis I-LOC\n\n")
    result = examined(path)
    (finding,) = result.audit.find("stray-tags")
    assert (finding.severity, finding.remedy) == ("error", "--repair")
    assert finding.facts == {"lines": [1, 8], "tags": 2}
    assert result.rows.values("spans")[0] == [[0, 3, "PER"]]


def test_answers_at_a_wrong_offset_and_answers_not_in_the_passage():
    passage = "Ada Lovelace was born in 1815 in London."
    rows = [
        {"question": "When?", "context": passage, "answers": [{"text": "1815", "start": 25}]},
        {"question": "When then?", "context": passage, "answers": [{"text": "1815", "start": 26}]},
        {"question": "Where?", "context": passage, "answers": [{"text": "Paris", "start": 33}]},
        {"question": " ", "context": passage, "answers": []},
    ]
    findings = found(rows)
    kinds = {
        f.facts["kind"]: (f.rows, f.facts["fixed"], f.facts["left_out"]) for f in findings["broken-answers"]
    }
    assert kinds == {
        "that are not at their offset": ((1,), 1, 0),
        "that are not in their passage": ((2,), 0, 1),
    }
    (missing,) = findings["missing-sides"]
    assert (missing.rows, missing.facts["column"]) == ((3,), "question")
    assert "empty-texts" not in findings


def test_questions_without_any_answer_are_an_error():
    rows = [{"question": f"Who is {n}?", "context": "Nobody.", "answers": []} for n in "abc"]
    assert found(rows, answers="answers")["no-answers"][0].severity == "error"


def test_a_pair_with_a_missing_side():
    rows = [("a b", "c d", "1"), ("e f", "", "0"), ("", "g h", "0"), ("i j", "k l", "1")]
    findings = found([{"text": t, "text_pair": p, "label": y} for t, p, y in rows])["missing-sides"]
    assert {f.facts["column"]: f.rows for f in findings} == {"text": (2,), "text_pair": (1,)}
    assert all(f.severity == "error" for f in findings)


def test_pairs_are_duplicates_only_if_both_sides_are_equal():
    same = {"text": "where is my card", "text_pair": "card not here", "label": "1"}
    other = {**same, "text_pair": "what is the rate of exchange today", "label": "0"}
    findings = found([same, other, {**same, "label": "0"}])
    assert findings["duplicates"][0].rows == (2,)
    assert findings["conflicting-labels"][0].rows == (0, 2)


def test_a_separator_that_appears_inside_labels_is_a_finding():
    rows = [{"text": f"row {n}", "labels": "Washington, D.C." if n % 2 else "Paris"} for n in range(8)]
    findings = found(rows, labels="labels")
    (finding,) = findings["label-separator"]
    assert "never apart" in finding.sentence
    assert finding.remedy == "--separator"


def test_several_labels_read_as_one_are_reported():
    rows = [(f"text {n}", label) for n, label in enumerate(["a", "b", "a|b", "b|a", "a|b", "c"] * 3)]
    (finding,) = found(rows)["merged-labels"]
    assert finding.remedy == "--role labels=label"
    assert len(finding.rows) == 9


def test_rare_labels_of_sets_and_rare_types_of_spans():
    rows = [{"text": f"text {n}", "labels": ["often", "rare"] if n == 3 else ["often"]} for n in range(45)]
    assert found(rows)["rare-labels"][0].facts["labels"] == {"rare": 1}
    spans = [
        tagged([0, 12, "PER"], *([[22, 28, "LOC"]] if n < 5 else []), text=f"{SENTENCE} {n}") for n in range(45)
    ]
    (few,) = found(spans)["few-rows"]
    assert few.facts["labels"] == {"LOC": 5}
    assert "1 type of span is in fewer than 40 rows" in few.sentence


def test_checks_of_one_label_do_not_run_on_sets():
    rows = [{"text": f"text {n}", "labels": ["Often"] if n % 30 else ["often"]} for n in range(90)]
    assert not {"imbalance", "label-spellings", "label-errors"} & set(found(rows))


def test_turns_in_a_row_and_conversations_that_the_assistant_begins():
    def conversation(*turns):
        return {"messages": [{"role": role, "content": text} for role, text in turns]}

    rows = [
        conversation(("user", "hi"), ("assistant", "hello")),
        conversation(("user", "hi"), ("user", "there"), ("assistant", "hello")),
        conversation(("assistant", "welcome"), ("user", "thanks"), ("assistant", "sure")),
        conversation(("assistant", "welcome")),
        conversation(("user", "one"), ("assistant", " "), ("user", "two"), ("assistant", "three")),
    ]
    findings = found(rows)
    kinds = {f.facts["kind"]: (f.rows, f.facts["left_out"]) for f in findings["broken-conversations"]}
    assert kinds == {
        "with two turns of the user in a row": ((1,), 0),
        "without a user turn before the last turn": ((3,), 1),
    }
    assert findings["assistant-begins"][0].rows == (2,)
    assert findings["empty-turns"][0].rows == (4,)


def test_scores_that_are_not_numbers_infinite_outliers_or_constant():
    random = np.random.default_rng(0)
    scores = [*(f"{score:.3f}" for score in random.normal(3, 1, 200)), "900", "inf", "good"]
    rows = [{"text": f"text {n}", "score": score} for n, score in enumerate(scores)]
    findings = found(rows, score="score")
    (broken,) = findings["broken-scores"]
    assert (broken.rows, broken.facts["left_out"]) == ((202,), 1)
    assert "Scores are numbers" in broken.remedy
    assert findings["infinite-scores"][0].rows == (201,)
    assert (findings["score-outliers"][0].rows, findings["score-outliers"][0].severity) == ((200,), "warning")
    same = [{"text": f"text {n}", "score": 3.0} for n in range(30)]
    assert found(same)["constant-scores"][0].severity == "error"


def test_equal_texts_with_different_targets_of_every_task():
    twice = [{"text": "one text"}, {"text": "One text."}]

    def conflict(*values, role):
        rows = [{**row, role: value} for row, value in zip(twice, values, strict=True)]
        return {name for name in found(rows, **{role: role}) if "conflict" in name or "several" in name}

    assert conflict([[0, 3, "A"]], [[4, 8, "A"]], role="spans") == {"conflicting-spans"}
    assert conflict([[0, 3, "A"]], [[0, 3, "A"]], role="spans") == set()
    assert conflict(["a", "b"], ["b"], role="labels") == {"conflicting-labels"}
    assert conflict(["a", "b"], ["b", "a"], role="labels") == set()
    assert conflict(1.0, 5.0, role="score") == {"conflicting-scores"}
    assert conflict("ein Text", "ein anderer Text", role="target") == {"several-targets"}
    passage = "Ada was born in 1815 in London."
    rows = [
        {"question": "Born?", "context": passage, "answers": [{"text": text, "start": passage.index(text)}]}
        for text in ("1815", "London")
    ]
    assert "conflicting-answers" in found(rows)
    more = [rows[0], {**rows[0], "answers": [*rows[0]["answers"], *rows[1]["answers"]]}]
    assert "conflicting-answers" not in found(more)


def test_leakage_compares_whole_inputs():
    passage = "Ada was born in 1815 in London."

    def asks(question):
        return {"question": question, "context": passage, "answers": [{"text": "1815", "start": 16}]}

    rows = [asks("When was she born?"), asks("In which year?")]
    findings = found(rows, test=[asks("when was she born"), asks("Which year was it?")])
    assert findings["test-leakage"][0].rows == (0,)
    assert findings["test-known-passages"][0].rows == (0, 1)
    train, test = read(rows), read([asks("in which year?")])
    kept, gone = drop_leaks(train, test)
    assert (len(kept), gone.tolist()) == (1, [1])


def test_span_types_that_are_not_in_training():
    findings = found([tagged([0, 12, "PER"])], test=[tagged([0, 3, "ORG"], text="Ada is."), tagged(text="No.")])
    assert findings["test-unknown-labels"][0].facts["labels"] == {"ORG": 1}


def test_faults_of_the_test_file_are_reported_with_its_name(tmp_path):
    path = tmp_path / "test.jsonl"
    path.write_text(
        json.dumps(tagged([0, 99, "PER"])) + "\n" + json.dumps(tagged([0, 3, "PER"], text="Ada, no."))
    )
    (finding,) = found([tagged([0, 12, "PER"])], test=str(path))["broken-spans"]
    assert finding.origin == str(path)
    assert "1 row of " + str(path) in finding.sentence


def test_empty_and_copied_target_texts():
    rows = [{"text": f"a long text number {n}", "target": f"short {n}"} for n in range(20)]
    rows[3]["target"], rows[5]["target"] = " ", rows[5]["text"] + "."
    findings = found(rows, target="target")
    assert findings["empty-targets"][0].rows == (3,)
    assert findings["copied-targets"][0].rows == (5,)


def test_when_no_row_can_be_used_the_error_says_why():
    with pytest.raises(BrokenValueError, match="row 1, column 'spans'"):
        examined([tagged("?"), tagged("!")], spans="spans")


def test_every_repair_has_a_finding():
    from metier.audit.broken_values import _NOUNS

    assert set(REPAIRS) <= set(_NOUNS)


@pytest.mark.parametrize(
    "path",
    ["ncbi_disease/dev.conll", "xquad/test.zh.json", "finre_zh/test.jsonl", "sgd_dialogues/acts/test.jsonl"],
)
def test_real_rows_have_no_errors(path, tmp_path):
    copy = tmp_path / Path(path).name
    shutil.copy(EXAMPLES / path, copy)
    assert not examined(copy).audit.has_errors
