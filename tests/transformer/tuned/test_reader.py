import json
import subprocess
import sys
import tracemalloc
from copy import copy
from pathlib import Path

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

from metier.bases.known_bases import load_tokenizer, resolve_base
from metier.errors import AnswerPlaceError, BundleError, SettingsError
from metier.predictors.onnx.graph_predictor import GraphPredictor
from metier.tasks.answers.answer_threshold import AnswerThreshold
from metier.tasks.inputs.question import Question
from metier.text.segmentation import sentence_offsets
from metier.training.heads.passage_rows import WindowCutter, windows_to_learn
from metier.transformer.tuned.reader import Reader

XQUAD = Path(__file__).parents[3] / "examples" / "xquad" / "test.en.json"


def asked_about_sentences(most: int):
    """Questions of XQuAD with the sentence that answers them as their passage: short, so that training is quick."""
    items, targets = [], []
    articles = json.loads(XQUAD.read_text("utf-8"))["data"]
    for question, part in ((q, p) for a in articles for p in a["paragraphs"][:1] for q in p["qas"][:1]):
        (answer,) = question["answers"]
        place = answer["answer_start"]
        for start, end in sentence_offsets(part["context"]):
            if start <= place and place + len(answer["text"]) <= end:
                items.append({"question": question["question"], "passage": part["context"][start:end]})
                targets.append([{"text": answer["text"], "start": place - start}])
    return items[:most], targets[:most]


@pytest.fixture(scope="module")
def rows():
    return asked_about_sentences(20)


SETTINGS = {"epochs": 16, "learning_rate": 5e-4, "token_budget": 512, "window_length": 128, "precision": "fp32"}


@pytest.fixture(scope="module")
def fitted(tiny_base, rows):
    items, targets = rows
    # Some questions are put to a passage that says nothing of them.
    others = [{**item, "passage": items[at - 1]["passage"]} for at, item in enumerate(items[:8])]
    everything = [*items, *others], [*targets, *([[]] * 8)]
    return Reader(base=str(tiny_base), **SETTINGS).fit(*everything, validation=everything), everything


@pytest.fixture(scope="module")
def folder(fitted, tmp_path_factory):
    folder = tmp_path_factory.mktemp("reader")
    fitted[0].export(folder)
    return folder


def test_it_learns_where_answers_stand_and_when_there_is_none(fitted):
    reader, (items, targets) = fitted
    predicted = reader.predict(items)
    right = [text in [answer["text"] for answer in true] for text, true in zip(predicted, targets, strict=True)]
    assert np.mean(right[:20]) > 0.7
    empty = np.array([text == "" for text in predicted])
    assert empty[20:].mean() > 0.7 > 0.3 > empty[:20].mean()
    assert reader.decoder_.threshold is not None


def test_an_exported_reader_answers_the_same_without_torch(fitted, folder):
    reader, (items, _) = fitted
    long = {"question": items[0]["question"], "passage": " ".join(item["passage"] for item in items)}
    some = [*items, long, {"question": "谁？", "passage": "\ud83d 北京。[SEP] x"}]
    answers = GraphPredictor.load(folder).predict(some)
    assert list(answers.predicted) == reader.predict(some)
    found = [reading for _, reading in reader._logits([Question(**item) for item in some])]
    other = GraphPredictor.load(folder).logits.reader.read([Question(**item) for item in some])
    np.testing.assert_allclose([one.margin for one in found], [one.margin for one in other], atol=1e-3)
    code = (
        "import sys, json; sys.modules['torch'] = None; from pathlib import Path;"
        "from metier.predictors.onnx.graph_predictor import GraphPredictor;"
        "items = json.loads(sys.argv[2]);"
        "print(json.dumps(GraphPredictor.load(Path(sys.argv[1])).predict(items).predicted))"
    )
    command = [sys.executable, "-c", code, str(folder), json.dumps(items[:3])]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    assert json.loads(done.stdout) == list(answers.predicted[:3])


def test_answers_carry_the_offsets_of_the_passage(fitted, folder):
    _, (items, _) = fitted
    # White space is no token, so an offset that was counted in tokens or in another text would be off.
    spaced = [{**item, "passage": "  \n " + item["passage"].replace(" ", "   ") + " 😀"} for item in items]
    answers = GraphPredictor.load(folder).predict(spaced)
    n_found = 0
    for item, record in zip(spaced, answers.records, strict=True):
        assert 0 <= record["probability"] <= 1
        if record["answer"]:
            assert item["passage"][record["start"] : record["end"]] == record["answer"]
            assert record["answer"] == record["answer"].strip() != ""
            n_found += 1
    assert n_found > 5


@pytest.mark.slow
def test_a_book_is_read_in_bounded_memory(fitted, folder):
    reader, (items, targets) = fitted
    words = " ".join(item["passage"] for item in items[1:])
    page = (words * 3)[:1_800]
    predictor = GraphPredictor.load(folder)
    at = next(at for at, text in enumerate(reader.predict(items[:20])) if text == targets[at][0]["text"])
    held = items[at]["passage"]
    peaks = []
    for pages in (20, 200):
        book = page.replace(held, "") * (pages // 2) + held + page.replace(held, "") * (pages // 2)
        tracemalloc.start()
        answers = predictor.predict([{"question": items[at]["question"], "passage": book}])
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        record = answers.records[0]
        assert book[record["start"] or 0 : record["end"] or 0] == record["answer"]
    # Ten times the pages: of a token only its id and its place stay, and the windows in work.
    assert peaks[1] < peaks[0] + 20e6


def test_without_validation_it_chooses_on_passages_held_out(tiny_base, rows):
    heard = []
    reader = Reader(base=str(tiny_base), **{**SETTINGS, "epochs": 2}).fit(*rows, listener=heard.append)
    assert len({progress.total for progress in heard}) == 2
    chosen = reader.chosen_params_
    assert {"base", "epochs", "stop_epoch", "longest_answer", "verdict"} <= set(chosen)
    json.dumps(chosen)  # A run writes it down.
    again = clone(reader).set_params(**chosen).fit(*rows)
    assert again.predict(rows[0]) == reader.predict(rows[0])
    assert again.decoder_ == reader.decoder_


def test_a_run_that_was_stopped_goes_on_from_its_checkpoint(tiny_base, rows, tmp_path):
    settings = {"base": str(tiny_base), **SETTINGS, "epochs": 2, "checkpoint_folder": tmp_path}
    whole = Reader(**settings).fit(*rows, validation=rows)
    resumed = Reader(**settings).fit(*rows, validation=rows)
    assert resumed.facts_["epochs"] == whole.facts_["epochs"]
    assert resumed.predict(rows[0]) == whole.predict(rows[0])


def test_what_training_costs_is_measured_before(tiny_base, rows):
    cost = Reader(base=str(tiny_base), **SETTINGS).measure(*rows)
    assert cost.seconds_per_epoch == pytest.approx(cost.seconds_per_row * len(rows[0]), rel=0.5)
    assert cost.memory_bytes > 50e6


def test_wrong_rows_and_settings_are_told(tiny_base, rows):
    items, targets = rows
    wrong = [[{**targets[0][0], "start": targets[0][0]["start"] + 1}], *targets[1:]]
    with pytest.raises(AnswerPlaceError, match="row 1"):
        Reader(base=str(tiny_base)).fit(items, wrong)
    with pytest.raises(SettingsError) as caught:
        Reader(window_length=3, without_fraction=2, longest_answer=0).fit(items, targets)
    for setting in ("window_length", "without_fraction", "longest_answer"):
        assert f"- {setting} is " in str(caught.value)
    with pytest.raises(NotFittedError):
        Reader().predict(items)


def test_a_broken_folder_is_told(folder, tmp_path):
    for path in folder.iterdir():
        if path.is_file() and path.name != "model.onnx":
            (tmp_path / path.name).write_bytes(path.read_bytes())
    with pytest.raises(BundleError, match="no graph that can be loaded"):
        GraphPredictor.load(tmp_path)


def test_the_hugging_face_folder_answers_in_plain_transformers(fitted, folder, tmp_path):
    readme = (folder / "huggingface" / "README.md").read_text("utf-8")
    (code,) = [part.removeprefix("python\n") for part in readme.split("```") if part.startswith("python")]
    done = subprocess.run([sys.executable, "-c", code], cwd=folder, check=True, capture_output=True, text=True)
    reader = copy(fitted[0])
    reader.decoder_ = AnswerThreshold()
    item = {"question": "What is blue?", "passage": "The sky is blue, and so is the sea."}
    assert done.stdout.strip() == reader.predict([item])[0]


@pytest.fixture(scope="module")
def cutter():
    tokenizer = load_tokenizer(resolve_base("minilm"))
    tokenizer.no_truncation()
    return WindowCutter(tokenizer, prefix="", length=40)


def learn(cutter, rows, **settings):
    return windows_to_learn(
        cutter,
        [Question(**item) for item in rows[0]],
        rows[1],
        pad_id=0,
        random=np.random.RandomState(0),
        **settings,
    )


def test_every_window_that_holds_the_answer_says_where(cutter, rows):
    learnt = learn(cutter, rows, without_fraction=0)
    tokenizer = cutter.tokenizer
    texts = [
        tokenizer.decode(ids[first : last + 1])
        for ids, (first, last) in zip(learnt.ids, learnt.truth, strict=True)
    ]
    wanted = {tokenizer.decode(tokenizer.encode(true[0]["text"]).ids) for true in rows[1]}
    assert len(texts) >= len(rows[0]) * 0.9
    assert np.mean([text in wanted for text in texts]) > 0.9


def test_windows_without_the_answer_come_as_often_as_was_asked(cutter, rows):
    none = learn(cutter, rows, without_fraction=0).truth
    some = learn(cutter, rows, without_fraction=1).truth
    assert (none[:, 0] > 0).all()
    assert np.sum(some[:, 0] == 0) >= 0.8 * len(rows[0])
    np.testing.assert_array_equal(some[some[:, 0] > 0], none)


def test_questions_without_answers_teach_only_that(cutter, rows):
    learnt = learn(cutter, (rows[0], [[] for _ in rows[0]]), without_fraction=0.5)
    assert len(rows[0]) <= len(learnt) <= 2 * len(rows[0])
    assert not learnt.truth.any()
