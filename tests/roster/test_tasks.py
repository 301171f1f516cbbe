"""What every method of every task keeps: a method joins these checks by its row in the table of tasks."""

import json
import resource
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.exceptions import NotFittedError

import metier
from metier import catalogue
from metier.bundles.safety import check_is_data, walk_files
from metier.predictors import load_predictor
from metier.runs.stored_answers import keep
from metier.selection.scores import Scores
from metier.tasks.task_table import TASKS, load_task

MOST_MEGABYTES = 500  # That one book among the rows may add to the process.
EXAMPLES = Path(__file__).parents[2] / "examples"


@dataclass(frozen=True)
class Source:
    """Real rows of a task: a file, how many of them to learn from, and what reading has to be told."""

    file: str
    rows: int
    roles: dict[str, str]


SOURCES = {
    "multi_label": Source("sgd_dialogues/acts/train.jsonl", 240, {}),
    "ordinal": Source("twitter_financial_news/train.csv", 240, {}),
    "regression": Source("covid_faq/question_pairs.csv", 200, {"score": "similar", "label": "none"}),
    "ner": Source("ncbi_disease/train.conll", 200, {}),
    "relation": Source("semeval2010_task8/train.jsonl", 300, {}),
    "extractive_qa": Source("xquad/test.en.json", 90, {}),
    "text_pair": Source("covid_faq/question_pairs.csv", 240, {}),
    "retrieval": Source("banking77/test.csv", 240, {}),
    "generation": Source("scitldr/train.jsonl", 40, {}),
}
OTHERS = {name: known for name, known in TASKS.items() if name != "classification"}
PAIRS = [(task, method) for task, known in OTHERS.items() for method in known.candidates]


def settings_of(method: str, base: str) -> dict[str, Any]:
    accepted = catalogue.resolve(method)._get_param_names()
    wanted = {"base": base, "epochs": 1, "precision": "fp32", "max_epochs": 1}
    return {name: value for name, value in wanted.items() if name in accepted}


@pytest.fixture(scope="module", params=PAIRS, ids=lambda pair: "-".join(pair))
def pair(request):
    return request.param


@pytest.fixture(scope="module")
def base(pair, base, tiny_writers, tmp_path_factory):
    """What writes stands on another kind of base than what reads."""
    if pair[1] != "generator.v1":
        return base
    return str(tiny_writers.make_llama(tmp_path_factory.mktemp("writer"), [PAGE]))


@pytest.fixture(scope="module")
def rows(pair):
    source = SOURCES[pair[0]]
    found = metier.read(EXAMPLES / source.file, **source.roles)
    order = np.random.default_rng(0).permutation(len(found))
    train, unseen = order[: source.rows], order[source.rows : source.rows + 40]
    return found.take(train), found.take(unseen)


@pytest.fixture(scope="module")
def task(pair, rows):
    return load_task(pair[0]).from_rows(rows[0])


@pytest.fixture(scope="module")
def learned(pair, rows, task, base, tmp_path_factory):
    """The method, fitted once as the race fits it, and the folder it was exported to."""
    method = catalogue.resolve(pair[1])(**settings_of(pair[1], base))
    train, unseen = rows
    validation = (task.items(unseen), task.targets(unseen))
    method.fit(task.items(train), task.targets(train), validation=validation)
    folder = tmp_path_factory.mktemp("exported") / pair[1]
    folder.mkdir()
    method.export(folder)
    return method, folder


@pytest.fixture(scope="module")
def answers(learned, rows, task):
    return load_predictor(learned[1]).predict(task.items(rows[1]))


def test_it_is_called_by_its_catalogue_name(pair, base):
    assert catalogue.resolve(pair[1])(**settings_of(pair[1], base)).name == pair[1]


def test_one_answer_a_row_that_the_metrics_take_and_json_holds(answers, rows, task):
    assert len(answers) == len(rows[1]) == len(answers.answered_by)
    kept = keep(answers, task.labels)
    figures = Scores(task, task.targets(rows[1]))
    assert all(np.isfinite(figures.measure(metric, kept.predicted)) for metric in task.metrics)
    assert json.loads(json.dumps(answers.record(0)))["answered_by"] == answers.answered_by[0]


def test_what_is_exported_answers_as_what_was_learned(learned, answers, rows, task):
    method, _ = learned
    items = task.items(rows[1])
    if getattr(answers, "probabilities", None) is not None and hasattr(method, "predict_proba"):
        found = np.asarray(method.predict_proba(items))
        np.testing.assert_allclose(answers.probabilities, found, atol=1e-3)
    else:
        same = [a == b for a, b in zip(method.predict(items), answers.predicted, strict=True)]
        numbers = all(isinstance(one, float) for one in answers.predicted)
        if numbers:
            np.testing.assert_allclose(answers.predicted, method.predict(items), atol=1e-3)
        else:
            assert np.mean(same) == 1.0


def test_exported_files_are_data_and_name_their_kind(learned, pair):
    _, folder = learned
    for path in walk_files(folder):
        check_is_data(path)
    settings = json.loads((folder / "predictor.json").read_text("utf-8"))
    assert settings["name"] == pair[1]
    assert settings["kind"]


def test_a_refit_takes_the_choices_and_needs_no_validation(learned, pair, rows, task, base):
    method, _ = learned
    again = catalogue.resolve(pair[1])(**settings_of(pair[1], base) | method.chosen_params_)
    items = task.items(rows[0])
    again.fit(items, task.targets(rows[0]))
    assert len(list(again.predict(items[:3]))) == 3


def test_same_seed_same_answers(learned, pair, rows, task, base):
    train, unseen = rows
    again = catalogue.resolve(pair[1])(**settings_of(pair[1], base))
    validation = (task.items(unseen), task.targets(unseen))
    again.fit(task.items(train), task.targets(train), validation=validation)
    items = task.items(unseen)[:15]
    first, second = list(learned[0].predict(items)), list(again.predict(items))
    assert [_plain(one) for one in first] == [_plain(one) for one in second]


def test_before_fit_it_says_so(pair, rows, task, base):
    with pytest.raises(NotFittedError):
        catalogue.resolve(pair[1])(**settings_of(pair[1], base)).predict(task.items(rows[1])[:1])


def test_a_book_is_answered(learned, rows, task):
    """200 pages: no limit of a base cuts the answer off with an error, and memory stays bounded."""
    _, folder = learned
    answers = load_predictor(folder).predict([_longer(task.items(rows[1])[0])])
    assert len(answers) == 1
    assert answers.record(0)


@pytest.mark.slow
def test_a_book_is_learned_from(learned, pair, rows, task, base):
    """200 pages among the rows to learn from cost no more than a bounded share of time and memory."""
    few = rows[0].take(np.arange(min(24, len(rows[0]))))
    items, targets = task.items(few), task.targets(few)
    method = catalogue.resolve(pair[1])(**settings_of(pair[1], base) | learned[0].chosen_params_)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    method.fit([_longer(items[0]), *items[1:]], targets)
    grown_megabytes = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    assert grown_megabytes < MOST_MEGABYTES
    assert len(list(method.predict(items[:3]))) == 3


def test_odd_texts_are_answered(learned, rows, task):
    predictor = load_predictor(learned[1])
    item = task.items(rows[1])[0]
    for text in ("😀" * 300, "我的卡还没有到。为什么？", "Où est ma carte ?", "\x00\t\n ."):
        asked = _with_text(item, text)
        assert len(predictor.predict([asked])) == 1


def _plain(answer: Any) -> Any:
    return round(float(answer), 6) if isinstance(answer, float | np.floating) else answer


PAGE = "The committee met on Tuesday to discuss the budget of the hospital and its new wing in Geneva. " * 30


def _longer(item: Any) -> Any:
    book = PAGE * 200
    if isinstance(item, str):
        return f"{item} {book}"
    key = "passage" if "passage" in item else "text"
    return {**item, key: f"{item[key]} {book}"}


def _with_text(item: Any, text: str) -> Any:
    if isinstance(item, str):
        return text
    if "passage" in item:
        return {**item, "passage": text}
    if "head" in item:
        return {
            "text": f"{text} a b",
            "head": [len(text) + 1, len(text) + 2],
            "tail": [len(text) + 3, len(text) + 4],
        }
    return {**item, "text": text}
