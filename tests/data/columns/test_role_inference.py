import pytest

from metier.data import iterate, open_writer, read, read_alike
from metier.errors import BrokenValueError, CallError, MissingColumnError, MissingLabelError, UnknownNameError
from metier.tasks.task_table import infer_task

TEXTS = [f"this is the text of row {number}" for number in range(40)]
OTHERS = [f"another text is in row {number}" for number in range(40)]


def pairs(first, second, **more):
    return [{first: text, second: other, **more} for text, other in zip(TEXTS, OTHERS, strict=True)]


@pytest.mark.parametrize(
    ("file", "roles", "task"),
    [
        (
            "covid_faq/question_pairs.csv",
            {"text": "question_1", "text_pair": "question_2", "label": "similar"},
            "text_pair",
        ),
        ("scitldr/train.jsonl", {"text": "document", "target": "summary"}, "generation"),
        ("csl_title_zh/train.jsonl", {"text": "document", "target": "summary"}, "generation"),
        ("tatoeba_en_zh/train.jsonl", {"text": "source", "target": "target"}, "generation"),
        ("chatterbot_corpus/en.jsonl", {"text": "text", "messages": "turns", "target": "target"}, "generation"),
        ("ncbi_disease/dev.conll", {"text": "text", "spans": "spans"}, "ner"),
        (
            "semeval2010_task8/test.jsonl",
            {"text": "text", "head": "head", "tail": "tail", "label": "label"},
            "relation",
        ),
        (
            "sgd_dialogues/acts/dev.jsonl",
            {"text": "text", "labels": "labels", "group": "dialogue_id"},
            "multi_label",
        ),
        ("twitter_financial_news/train.csv", {"text": "text", "label": "label"}, "classification"),
        ("banking77/test.csv", {"text": "text", "label": "label"}, "classification"),
        ("csl_category_zh/test.csv", {"text": "text", "label": "label"}, "classification"),
        # Questions with answers and a category are a classification.
        ("covid_faq/faq.jsonl", {"text": "question", "label": "category", "time": "date"}, "classification"),
    ],
)
def test_the_roles_and_the_task_of_real_rows(examples, file, roles, task):
    rows = read(examples / file)
    assert {role: column for role, column in vars(rows.roles).items() if column is not None} == roles
    name, sentence = infer_task(rows)
    assert name == task
    assert sentence.startswith(f"task = {task}, inferred from ")
    assert sentence.endswith("(--task)")


@pytest.mark.parametrize(
    ("source", "task", "roles"),
    [
        (pairs("sentence1", "sentence2", score=3.5), "regression", ("text", "text_pair", "score")),
        (pairs("premise", "hypothesis", label="entails"), "text_pair", ("text", "text_pair", "label")),
        (pairs("text", "text_pair", label="1"), "text_pair", ("text", "text_pair", "label")),
        ([{"text": text, "score": n / 7} for n, text in enumerate(TEXTS)], "regression", ("text", "score")),
        (pairs("question", "answer"), "generation", ("text", "target")),
        (pairs("en", "zh"), "generation", ("text", "target")),
        (pairs("text", "target"), "generation", ("text", "target")),
        (
            [{"text": text, "target": "ab"[n % 2]} for n, text in enumerate(TEXTS)],
            "classification",
            ("text", "label"),
        ),
        (pairs("abstract", "title", category="x"), "classification", ("text", "label")),
        (pairs("text", "summary", label="x"), "classification", ("text", "label")),
        ([{"text": text, "label": "x", "score": 0.5} for text in TEXTS], "classification", ("text", "label")),
        (
            [{"text": text, "label": "x", "tags": ["a", "b"]} for text in TEXTS],
            "classification",
            ("text", "label"),
        ),
        ([{"text": text, "tags": ["a", "b"]} for text in TEXTS], "multi_label", ("text", "labels")),
        ([{"text": text} for text in TEXTS], "classification", ("text",)),
    ],
)
def test_roles_inferred_from_pairs_of_columns(source, task, roles):
    rows = read(source)
    assert {role for role, column in vars(rows.roles).items() if column is not None} == set(roles)
    assert infer_task(rows)[0] == task


def test_a_named_target_is_the_only_one():
    rows = read(pairs("document", "summary", kind="x"), text="document", label="kind")
    assert (rows.roles.label, rows.roles.target, infer_task(rows)[0]) == ("kind", None, "classification")
    rows = read(pairs("body", "headline"), text="body", target="headline")
    assert infer_task(rows)[0] == "generation"
    rows = read(pairs("document", "summary"), target="none", text="document")
    assert rows.roles.targets == ()


def test_a_role_that_is_unknown_or_whose_column_is_missing():
    with pytest.raises(UnknownNameError, match=r"no role called 'txt'\. Did you mean 'text'"):
        read([{"text": "a b"}], txt="text")
    with pytest.raises(MissingColumnError, match="--role text_pair=COLUMN"):
        read([{"text": "a b"}], text_pair="other")
    with pytest.raises(CallError, match="cannot be both"):
        read(pairs("text", "other"), target="other", text_pair="other")


def test_a_missing_side_is_reported_with_its_row():
    rows = read([*pairs("text", "text_pair", label="1"), {"text": "a b", "text_pair": None, "label": "0"}])
    with pytest.raises(MissingLabelError, match=r"no 'text_pair'; the first is row 41\. Fill them in"):
        rows.values("text_pair")


def test_scores_are_numbers(tmp_path):
    path = tmp_path / "rows.csv"
    path.write_text("text,score\na b,3\nc d,0.25\ne f,\n")
    assert read(path).column("score") == [3.0, 0.25, None]
    path.write_text("text,score\na b,3\nc d,high\n")
    with pytest.raises(BrokenValueError, match=r"row 2, column 'score': 'high' is not a number.*such as 3\.5"):
        read(path, score="score")


def test_further_rows_keep_every_role(examples, tmp_path):
    train = read(examples / "covid_faq/question_pairs.csv")
    with open_writer(tmp_path / "test.csv") as writer:
        writer.write(train.take(range(5)).table)
    test = read_alike(tmp_path / "test.csv", train)
    assert test.roles == train.roles
    assert test.fingerprint == train.take(range(5)).fingerprint
    with pytest.raises(MissingColumnError, match="--role text_pair=COLUMN"):
        read_alike([{"question_1": "a", "similar": "1"}], train)


def test_batches_for_prediction_have_inputs_and_no_targets(examples):
    batch = next(iterate(examples / "covid_faq/question_pairs.csv", 100))
    assert (batch.roles.text, batch.roles.text_pair, batch.roles.label) == ("question_1", "question_2", None)
    batch = next(iterate([{"question": "Who?", "context": "Ada wrote it."}]))
    assert (batch.roles.text, batch.roles.question) == ("context", "question")
    batch = next(iterate(pairs("body", "other"), text="body", text_pair="other"))
    assert batch.values("text_pair") == OTHERS
