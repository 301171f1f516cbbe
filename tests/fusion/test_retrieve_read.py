import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from metier.errors import BundleError, DataError
from metier.evaluation.answer_measures import answer_f1
from metier.fusion.retrieve_read import _is_worse, _numbers, export_retrieve_read, fit_retrieve_read
from metier.predictors.composite.retrieve_read import RetrieveReadPredictor, WindowRanker
from metier.predictors.loading import load_predictor
from metier.tasks.inputs.question import Question
from metier.transformer.tuned.reader import Reader

XQUAD = Path(__file__).parents[2] / "examples" / "xquad" / "test.en.json"
PLAIN = {"threshold": None, "of_span": (0.0, 1.0, 0.0), "of_none": (1.0, 0.0)}


@pytest.fixture(scope="module")
def rows():
    """One question on each of a dozen passages."""
    articles = json.loads(XQUAD.read_text("utf-8"))["data"]
    asked = [(part["qas"][0], part["context"]) for article in articles for part in article["paragraphs"]][:12]
    items = [{"question": question["question"], "passage": passage} for question, passage in asked]
    targets = [
        [{"text": a["text"], "start": a["answer_start"]} for a in question["answers"]] for question, _ in asked
    ]
    return items, targets


@pytest.fixture(scope="module")
def reader_folder(small_base, rows, tmp_path_factory):
    """A reader that learned next to nothing, which is enough: what is tested is which windows it gets."""
    folder = tmp_path_factory.mktemp("reader")
    settings = {"epochs": 1, "stop_epoch": 1, "verdict": PLAIN, "window_length": 64, "precision": "fp32"}
    Reader(base=str(small_base), **settings).fit(*rows).export(folder)
    return folder


@pytest.fixture(scope="module")
def fit(reader_folder, rows):
    return fit_retrieve_read(reader_folder, *rows)


def with_windows(fit, n, reader_folder, folder) -> RetrieveReadPredictor:
    export_retrieve_read(replace(fit, n_windows=n), reader_folder, folder, name="retrieve_read.v1")
    predictor = load_predictor(folder)
    assert isinstance(predictor, RetrieveReadPredictor)
    return predictor


def test_with_every_window_it_is_the_reader(fit, reader_folder, rows, tmp_path):
    predictor = with_windows(fit, fit.most_windows, reader_folder, tmp_path)
    answers, plain = predictor.predict(rows[0]), load_predictor(reader_folder).predict(rows[0])
    assert answers.predicted == plain.predicted
    assert answers.records == plain.records
    assert set(answers.answered_by) == {"retrieve_read.v1"}


def test_what_was_foreseen_for_a_number_of_windows_is_what_they_answer(fit, reader_folder, rows, tmp_path):
    items, targets = rows
    assert len(fit.tried) >= 4
    for n, foreseen in fit.tried.items():
        predictor = with_windows(fit, int(n), reader_folder, tmp_path / n)
        found = [
            answer_f1(true, text)
            for true, text in zip(targets, predictor.predict(items).predicted, strict=True)
        ]
        assert np.mean(found) == pytest.approx(foreseen)


def test_the_smallest_number_that_is_not_worse_is_taken():
    everything = np.array([1.0, 0.0] * 200)
    fewer = everything.copy()
    fewer[:4:2] = 0  # Two answers of 400 lost: nothing that is shown.
    assert not _is_worse(fewer, everything)
    fewer[:20:2] = 0
    assert _is_worse(fewer, everything)
    assert _is_worse(np.array([0.0, 1.0]), np.array([1.0, 1.0]))  # Two rows show nothing, and half is lost.
    assert _numbers(7) == [1, 2, 3, 4, 6, 7]
    assert _numbers(1) == [1]


def test_the_chosen_number_loses_at_most_a_point(fit, rows):
    assert fit.f1 >= fit.f1_of_all - 0.01
    assert fit.rows == len(rows[0])
    assert 0 < fit.read_fraction <= 1
    assert fit.n_windows == next(int(n) for n, f1 in fit.tried.items() if f1 == pytest.approx(fit.f1))


def test_of_a_book_the_window_with_the_answer_is_read(fit, reader_folder, rows, tmp_path):
    items, _ = rows
    predictor = with_windows(fit, 2, reader_folder, tmp_path)
    book = {"question": items[3]["question"], "passage": "\n".join(item["passage"] for item in items) * 20}
    read = []
    spans = predictor.reader.logits.reader
    keep = predictor._keeper()

    def watched(question, windows):
        kept = keep(question, windows)
        read.append((len(windows), kept))
        return kept

    spans.read([Question(**book)], keep=watched)
    ((n_windows, kept),) = read
    assert n_windows > 300
    assert len(kept) == 2
    texts = [book["passage"][window.offsets[0, 0] : window.offsets[-1, 1]] for window in kept]
    assert any(text[:40] in items[3]["passage"] or text[-40:] in items[3]["passage"] for text in texts)
    (record,) = predictor.predict([book]).records
    assert book["passage"][record["start"] : record["end"]] == record["answer"]


def test_of_a_collection_the_passage_is_named(fit, reader_folder, rows, tmp_path):
    items, _ = rows
    predictor = with_windows(fit, 1, reader_folder, tmp_path)
    passages = [item["passage"] for item in items]
    collections = [{"question": item["question"], "passage": passages} for item in items]
    answers = predictor.predict([*collections, items[0]])
    right = 0
    for at, record in enumerate(answers.records[:-1]):
        passage = passages[record["passage"]]
        assert passage[record["start"] : record["end"]] == record["answer"]
        right += record["passage"] == at
    assert right >= len(items) / 2
    assert "passage" not in answers.records[-1]


def test_windows_are_ranked_by_their_best_sentence(reader_folder, rows):
    spans = load_predictor(reader_folder).logits.reader
    question = Question(
        "Where do zebras sleep?", "Nothing here. " * 60 + "Zebras sleep at Denver. " + "Nor there. " * 60
    )
    windows = [window for window, _ in spans.scan([question])]
    best = windows[WindowRanker().order(question, windows)[0]]
    assert "Zebras sleep at Denver." in question.passage[best.offsets[0, 0] : best.offsets[-1, 1]]


def test_wrong_calls_are_told(reader_folder, rows, tmp_path):
    with pytest.raises(DataError, match="12 and 1"):
        fit_retrieve_read(reader_folder, rows[0], rows[1][:1])
    with pytest.raises(BundleError):
        load_predictor(tmp_path)
