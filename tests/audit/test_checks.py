import ast
import json
import re
from pathlib import Path

import pytest

import metier.audit
from metier.audit import CHECKS, examine
from metier.data import near_duplicates, read

FILLER = [
    (f"what about {word} then", "xy"[n % 2])
    for n, word in enumerate(["alpha", "beta", "gamma", "delta", "epsilon", "zeta"])
]
SENTENCE = "how do I get a new card for my account when the old one is lost"


def names(source, **more):
    return {finding.check: finding for finding in examine(read(source), **more).findings}


def test_clean_rows_have_no_findings(banking):
    """Real rows of three labels, one of each text, have no findings."""
    wanted = {"card_arrival", "pin_blocked", "exchange_rate"}
    labels = banking.labels
    rows = banking.take([row for row, label in enumerate(labels) if label in wanted])
    firsts = sorted(set(near_duplicates(rows.texts).ids.tolist()))
    assert examine(rows.take(firsts)).findings == ()


def test_empty_wordless_long_and_huge_texts_are_distinct_findings():
    rows = [
        *FILLER,
        ("", "x"),
        ("  ", "y"),
        ("😀🎉", "x"),
        ("word " * 600, "y"),
        ("啊" * 600, "x"),
        ("word " * 200_000, "y"),
    ]
    found = names(rows)
    assert found["empty-texts"].rows == (6, 7)
    assert found["wordless-texts"].rows == (8,)
    assert found["long-texts"].rows == (9, 10)
    assert found["huge-texts"].rows == (11,)
    assert found["huge-texts"].facts["longest_characters"] == 1_000_000
    assert len(found["huge-texts"].examples[0]["text"]) <= 200


def test_a_long_english_text_is_shorter_in_tokens_than_in_characters():
    assert "long-texts" not in names([*FILLER, ("word " * 300, "x")])


def test_duplicates_near_duplicates_and_conflicts():
    rows = [(SENTENCE, "x"), (SENTENCE.upper() + "!", "y"), (SENTENCE + " today", "x"), *FILLER]
    found = names(rows)
    assert found["duplicates"].rows == (1,)
    assert found["near-duplicates"].rows == (2,)
    assert found["conflicting-labels"].rows == (0, 1)
    assert found["conflicting-labels"].facts["pairs"] == [{"labels": ["x", "y"], "texts": 1}]
    assert [example["row"] for example in found["duplicates"].examples] == [1, 2]


def test_missing_labels_are_an_error_with_its_flag():
    found = names([*FILLER, ("no label here", None)])
    assert (found["missing-labels"].severity, found["missing-labels"].remedy) == ("error", "--drop-unlabelled")
    assert found["missing-labels"].rows == (6,)


@pytest.mark.parametrize("labels", [["x"] * 6, [None] * 6])
def test_fewer_than_two_labels_are_an_error(labels):
    rows = [(text, label) for (text, _), label in zip(FILLER, labels, strict=True)]
    assert names(rows)["too-few-labels"].severity == "error"


def test_rare_few_and_unbalanced_labels():
    rows = [
        (f"{word} {n}", label)
        for label, count, word in (("a", 200, "one"), ("b", 39, "two"), ("c", 2, "three"))
        for n in range(count)
    ]
    found = names(rows)
    assert found["rare-labels"].facts["labels"] == {"c": 2}
    assert found["rare-labels"].remedy == "--drop-rare"
    assert found["few-rows"].facts["labels"] == {"b": 39}
    assert "b, 39" in found["few-rows"].sentence
    assert found["imbalance"].facts["ratio"] == 100
    assert "macro-F1" in found["imbalance"].sentence


def test_one_label_in_two_spellings():
    found = names([*FILLER, ("another text", "X "), ("yet another", "other")])
    assert found["label-spellings"].facts["families"] == [["x", "X "]]
    assert found["label-spellings"].rows == (6,)


def test_labels_that_only_the_test_rows_have():
    found = names(FILLER, test=read([("alpha of another kind", "x"), ("a thing unheard of", "z")]))
    assert (found["test-unknown-labels"].severity, found["test-unknown-labels"].rows) == ("error", (1,))
    assert found["test-absent-labels"].facts["labels"] == ["y"]


def test_two_languages_are_reported():
    found = names([*FILLER, *[(f"我的银行卡{word}在哪里", "x") for word in "甲乙丙丁"]])
    assert found["language-mix"].facts["shares"]["zh"] == 0.4
    assert found["language-mix"].remedy == "--base e5-multilingual"


def test_rows_that_are_mostly_chinese_have_the_multilingual_base_anyway():
    chinese = [(f"我的银行卡{word}在哪里", "xy"[n % 2]) for n, word in enumerate("甲乙丙丁戊己庚辛壬癸")]
    assert names([*FILLER[:2], *chinese])["language-mix"].remedy == ""


def test_an_id_column_taken_for_text_or_label():
    ids = [{"id": f"A-{n:05d}", "kind": "xy"[n % 2]} for n in range(40)]
    found = {f.check: f for f in examine(read(ids, text="id", label="kind")).findings}
    assert (found["text-is-id"].severity, found["text-is-id"].remedy) == ("error", "--text")
    rows = [{"text": f"a text about {n}", "label": f"ticket {n}"} for n in range(40)]
    assert names(rows)["label-is-id"].remedy == "--label"


def test_labels_like_ids_are_shown_five_and_counted_once_and_other_columns_are_named():
    rows = [
        {"text": f"a text about {n}", "ticket": f"T-{n}", "intent": "ab"[n % 2], "note": f"n {n}"}
        for n in range(300)
    ]
    found = {f.check: f for f in examine(read(rows, label="ticket")).findings}
    assert found["label-is-id"].sentence == (
        "the label column ticket has 300 different values in 300 rows (T-0, T-1, T-2, T-3, T-4 and 295 more), like an id "
        "or a free text; columns that could be labels: intent (2 values)"
    )
    assert not {"rare-labels", "few-rows", "imbalance"} & set(found)
    few = [{"text": f"a text about {n}", "label": f"T-{n}"} for n in range(19)]
    assert "label-is-id" not in names(few)


def test_lists_named_as_the_label_are_said():
    rows = [{"text": f"a text about {n}", "labels": [n % 2, 1]} for n in range(8)]
    found = {f.check: f for f in examine(read(rows, label="labels")).findings}["label-lists"]
    assert (found.severity, found.remedy) == ("warning", "--role labels=labels")
    assert "8 rows have a list as the label, such as [0, 1]" in found.sentence
    assert "label-lists" not in {f.check for f in examine(read(rows)).findings}


def test_rare_labels_are_not_dropped_where_nothing_would_be_left():
    assert names([("a text", "x"), ("another one", "y")])["rare-labels"].remedy == "label more rows of these"


def test_questions_with_answers_can_also_be_searched():
    rows = [{"Question": f"how do I do {n}?", "Answer": f"you press button {n}"} for n in range(8)]
    found = names(rows)["question-answers"]
    assert (found.severity, found.remedy) == ("note", "--task retrieval")
    assert "question-answers" not in {f.check for f in examine(read(rows), task="retrieval").findings}
    other = [{"document": f"a long text {n}", "summary": f"text {n}"} for n in range(8)]
    assert "question-answers" not in names(other)


def test_short_chinese_and_one_word_texts_are_not_ids():
    assert "text-is-id" not in names([("你好", "x"), ("再见", "y"), ("谢谢", "x")])
    assert "text-is-id" not in names([("hello", "x"), ("bye", "y"), ("thanks", "x")])


def test_constant_columns_and_labels_in_the_text():
    rows = [
        {
            "text": f"[refund] {text}" if label == "x" else f"[delivery] {text}",
            "label": {"x": "refund", "y": "delivery"}[label],
            "source": "web",
        }
        for text, label in FILLER
    ]
    found = names(rows)
    assert found["constant-columns"].facts["columns"] == ["source"]
    assert found["label-in-text"].facts["fraction"] == 1.0


def test_a_split_column_gives_the_parts_and_rows_keep_their_numbers():
    source = [
        {"text": SENTENCE, "label": "x", "split": "test"},
        {"text": SENTENCE, "label": "x", "split": "train"},
    ]
    source += [{"text": text, "label": label, "split": "train"} for text, label in FILLER] + [
        {"text": FILLER[5][0], "label": "y", "split": "train"}
    ]
    audit = examine(read(source))
    (leak,) = audit.find("test-leakage")
    assert (leak.rows, leak.examples[0]["row"]) == ((0,), 1)
    (repeat,) = audit.find("duplicates")
    assert repeat.rows == (8,)
    assert [example["row"] for example in repeat.examples] == [8, 9]
    assert audit.facts["rows"] == {"train": 8, "test": 1}


def test_rows_without_labels_can_be_examined():
    audit = examine(read([text for text, _ in FILLER]))
    assert not audit.has_errors
    assert audit.facts["labels"] == {}


def test_errors_come_first_and_everything_is_plain_json(banking, banking_test):
    audit = examine(banking.take(range(1_000)), test=banking_test)
    assert audit.has_errors
    order = ["error", "warning", "note"]
    assert [f.severity for f in audit.findings] == sorted((f.severity for f in audit.findings), key=order.index)
    facts = json.loads(json.dumps(audit.as_dict()))
    assert facts["facts"]["language"] == "en"
    assert all(len(finding["examples"]) <= 5 for finding in facts["findings"])


def test_the_rows_are_not_changed(banking):
    before = banking.fingerprint
    examine(banking.take(range(500)))
    assert banking.fingerprint == before


def test_the_table_lists_exactly_the_names_in_the_code():
    """`--show` takes the names of the table; in the code, names are the hyphenated strings of the checks."""
    used = set()
    for path in Path(metier.audit.__file__).parent.glob("*.py"):
        if path.name != "audit.py":
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.Constant | ast.JoinedStr):
                    used |= {name for name in _strings([node]) if re.fullmatch(r"[a-z]+(-[a-z]+)+", name)}
                if isinstance(node, ast.Call) and getattr(node.func, "id", "") in ("Finding", "_repeats"):
                    used |= set(
                        _strings([*node.args[:1], *(w.value for w in node.keywords if w.arg == "check")])
                    )
    assert used - {"control-signs"} == set(CHECKS)  # A step of cleaning, which --fix takes.


def _strings(nodes):
    for node in nodes:
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value
        elif isinstance(node, ast.JoinedStr):
            tail = node.values[-1].value
            yield from (f"{name}{tail}" for name in ("test", "validation"))
