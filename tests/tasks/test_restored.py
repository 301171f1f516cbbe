"""A task is the same again from what a sealed model states of it, so that other rows can be judged."""

from pathlib import Path

import pytest

from metier.data import read
from metier.tasks.task import TaskRecord
from metier.tasks.task_table import infer_task, load_task

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
FILES = {
    "banking77/test.csv": None,
    "uner_zh_gsd/test.conll": None,
    "finre_zh/test.jsonl": None,
    "semeval2010_task8/test.jsonl": None,
    "xquad/test.zh.json": None,
    "covid_faq/question_pairs.csv": None,
    "covid_faq/faq.jsonl": "retrieval",
    "csl_title_zh/test.jsonl": None,
    "tatoeba_en_zh/test.jsonl": None,
}
PAIRS = [("a card", "a big card", "0.5"), ("a rate", "no rate", "0.1"), ("my pin", "your pin", "0.9")]
MEMORY = {
    "multi_label": [{"text": f"text {n}", "labels": ["a", "b"][: 1 + n % 2]} for n in range(6)],
    "ordinal": [{"text": f"text {n}", "label": ("low", "medium", "high")[n % 3]} for n in range(6)],
    "regression": [{"text": a, "text_pair": b, "score": score} for a, b, score in PAIRS],
}


def record_of(task, rows):
    return TaskRecord(task.labels, task.primary_metric, task.input_keys, tuple(rows.roles.named))


def check(name, rows):
    task = load_task(name).from_rows(rows)
    again = load_task(name).restored(record_of(task, rows))
    for what in ("labels", "primary_metric", "metrics", "input_keys", "negative_label", "match_label"):
        assert getattr(again, what) == getattr(task, what), what
    assert list(again.items(rows)) == list(task.items(rows))
    assert list(again.targets(rows)) == list(task.targets(rows))


@pytest.mark.parametrize("file", FILES)
def test_the_task_of_a_file_is_restored(file):
    rows = read(EXAMPLES / file)
    rows = rows.take(range(0, len(rows), max(1, len(rows) // 80)))
    check(FILES[file] or infer_task(rows)[0], rows)


@pytest.mark.parametrize("name", MEMORY)
def test_the_task_of_rows_in_memory_is_restored(name):
    check(name, read(MEMORY[name]))
