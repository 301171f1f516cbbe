"""What every method of every task keeps: a method joins these checks by its row in the table of tasks."""

import json
import resource
import shutil
from typing import Any

import numpy as np
import pytest
from sklearn.exceptions import NotFittedError

from metier import catalogue
from metier.bundles.safety import check_is_data, walk_files
from metier.predictors import load_predictor
from metier.predictors.loading import KINDS, read_settings
from metier.runs.stored_answers import keep
from metier.selection.execution.out_of_fold import answers_of
from metier.selection.scores import Scores
from metier.tasks.answers.kind import as_lists
from metier.tasks.task_table import TASKS

MOST_MEGABYTES = 500  # That one book among the rows may add to the process.
ODD_TEXTS = ("😀" * 300, "我的卡还没有到。为什么？", "Où est ma carte ?", "\x00\t\n .")


@pytest.fixture(scope="module")
def learned(pair, rows, task, settings, tmp_path_factory):
    """The method, fitted once as a run fits it, and the folder it was exported to."""
    method = catalogue.resolve(pair[1])(**settings)
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


def test_it_is_called_by_its_catalogue_name(pair, settings):
    assert catalogue.resolve(pair[1])(**settings).name == pair[1]


def test_every_method_and_every_task_is_checked(roster):
    for name, known in TASKS.items():
        assert {*known.candidates} <= roster[name]
        for asked, methods in known.beside_texts.items():
            assert {*methods} <= roster[f"{name}:{asked}"]
    assert set().union(*roster.values()) == catalogue.METHODS.keys()


def test_one_answer_a_row_that_the_metrics_take_and_json_holds(answers, rows, task, check_record):
    assert len(answers) == len(rows[1]) == len(answers.answered_by)
    kept = keep(answers, task.labels)
    scores = Scores(task, task.targets(rows[1]))
    assert all(np.isfinite(scores.measure(metric, kept.predicted)) for metric in task.metrics)
    for row, item in enumerate(task.items(rows[1])):
        check_record(answers, row, item, task)


def test_what_is_exported_answers_as_what_was_learned(learned, answers, rows, task):
    method, _ = learned
    items = task.items(rows[1])
    if getattr(answers, "probabilities", None) is not None and hasattr(method, "predict_proba"):
        np.testing.assert_allclose(answers.probabilities, method.predict_proba(items), atol=1e-3)
    assert_alike(answers.predicted, method.predict(items))


def test_answers_out_of_fold_are_kept_like_those_of_its_predictor(learned, answers, rows, task):
    """Both are compared by the same metrics, as if one model had given them."""
    kept, live = keep(answers, task.labels), answers_of(learned[0], task.items(rows[1]), task)
    assert_alike(kept.predicted, live.predicted)
    assert json.loads(json.dumps(live.predicted)) == as_lists(live.predicted)
    assert (live.probabilities is None) or live.probabilities.shape == (len(rows[1]), len(task.labels))
    if kept.probabilities is not None and live.probabilities is not None:
        np.testing.assert_allclose(live.probabilities, kept.probabilities, atol=1e-3)


def test_exported_files_are_data_and_name_their_kind(learned, pair):
    _, folder = learned
    for path in walk_files(folder):
        check_is_data(path)
    settings = json.loads((folder / "predictor.json").read_text("utf-8"))
    assert settings["name"] == pair[1]
    assert type(load_predictor(folder)).__name__ == KINDS[settings["kind"]].partition(":")[2]


def test_its_bundle_is_served_where_importing_torch_raises(
    learned, pair, rows, task, light_service, seal_as, request_of, tmp_path
):
    folder = tmp_path / "sealed"
    shutil.copytree(learned[1], folder)
    if read_settings(folder)["kind"].startswith("torch_") or pair[1] == "endpoint.v1":
        pytest.skip("answers by torch, or by another service")
    seal_as(folder, task, name=pair[1])
    item = task.items(rows[1])[0]
    served = light_service(folder, request_of(item))
    assert served["status"] == 200, served["body"]
    latency = served["body"].pop("latency_ms")
    assert served["body"].pop("prediction_id")
    assert latency > 0
    expected = json.loads(json.dumps(load_predictor(folder).predict([item]).record(0)))
    assert served["body"].keys() == expected.keys()
    for name, value in expected.items():
        if isinstance(value, float):
            assert served["body"][name] == pytest.approx(value, abs=1e-3)
        elif isinstance(value, str):
            assert served["body"][name] == value


def test_a_refit_takes_the_choices_and_needs_no_validation(learned, pair, rows, task, settings):
    method, _ = learned
    again = catalogue.resolve(pair[1])(**settings | method.chosen_params_)
    items = task.items(rows[0])
    again.fit(items, task.targets(rows[0]))
    chosen = _told(method.chosen_params_)
    assert _told(again.chosen_params_).items() <= chosen.items()
    assert chosen.keys() - again.chosen_params_.keys() <= {"precision"}  # Chosen by an export.
    assert all(
        _kind_of(one) == _kind_of(two)
        for one, two in zip(again.predict(items), method.predict(items), strict=True)
    )


def test_same_seed_same_answers(learned, pair, rows, task, settings):
    train, unseen = rows
    again = catalogue.resolve(pair[1])(**settings)
    validation = (task.items(unseen), task.targets(unseen))
    again.fit(task.items(train), task.targets(train), validation=validation)
    items = task.items(unseen)[:15]
    first, second = list(learned[0].predict(items)), list(again.predict(items))
    assert [_plain(one) for one in first] == [_plain(one) for one in second]


def test_before_fit_it_says_so(pair, rows, task, settings):
    with pytest.raises(NotFittedError):
        catalogue.resolve(pair[1])(**settings).predict(task.items(rows[1])[:1])


def test_a_book_is_answered(learned, rows, task, book, check_record):
    """No limit of a base cuts the answer off with an error, and memory stays bounded."""
    item = _longer(task.items(rows[1])[0], book)
    answers = load_predictor(learned[1]).predict([item])
    check_record(answers, 0, item, task)
    assert len(answers) == 1


@pytest.mark.slow
def test_a_book_is_learned_from(learned, pair, rows, task, settings, book):
    """A book among the rows to learn from costs no more than a bounded share of time and memory."""
    few = rows[0].take(np.arange(min(24, len(rows[0]))))
    items, targets = task.items(few), task.targets(few)
    method = catalogue.resolve(pair[1])(**settings | learned[0].chosen_params_)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    method.fit([_longer(items[0], book), *items[1:]], targets)
    grown_megabytes = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    assert grown_megabytes < MOST_MEGABYTES
    assert len(list(method.predict(items[:3]))) == 3


def test_odd_texts_are_answered_as_what_was_learned_answers_them(learned, rows, task, check_record):
    method, folder = learned
    items = [_with_text(task.items(rows[1])[0], text) for text in ODD_TEXTS]
    predictor = load_predictor(folder)
    for item, expected in zip(items, method.predict(items), strict=True):
        answers = predictor.predict([item])
        assert_alike(answers.predicted, [expected])
        check_record(answers, 0, item, task)


def assert_alike(found: Any, expected: Any) -> None:
    """Check that two lists of answers are the same, numbers up to their last digits."""
    if isinstance(found[0], float | np.floating):
        np.testing.assert_allclose(found, np.asarray(expected, dtype=float), atol=1e-3)
    else:
        assert list(found) == list(expected)


def _told(params: dict[str, Any]) -> dict[str, str]:
    return {name: repr(value) for name, value in params.items()}


def _kind_of(answer: Any) -> type:
    return (
        float if isinstance(answer, float | np.floating) else str if isinstance(answer, str) else type(answer)
    )


def _plain(answer: Any) -> Any:
    return round(float(answer), 6) if isinstance(answer, float | np.floating) else answer


def _longer(item: Any, book: str) -> Any:
    if isinstance(item, str):
        return f"{item} {book}"
    if "image" in item or "audio" in item:
        return item  # Neither has a text that could be long.
    key = "passage" if "passage" in item else "text"
    return {**item, key: f"{item[key]} {book}"}


def _with_text(item: Any, text: str) -> Any:
    if isinstance(item, str):
        return text
    if "image" in item:
        return item
    if "passage" in item:
        return {**item, "passage": text}
    if "head" in item:
        return {
            "text": f"{text} a b",
            "head": [len(text) + 1, len(text) + 2],
            "tail": [len(text) + 3, len(text) + 4],
        }
    return {**item, "text": text}
