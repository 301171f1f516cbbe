"""The CRF: real diseases and places, its file, its probabilities, odd texts, long ones."""

import re
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import psutil
import pycrfsuite
import pytest

from metier.classical.crf import Crf, CrfSyntax, _Trainer
from metier.classical.dictionary_tagger import DictionaryTagger
from metier.errors import BadSpanError, BundleError, SettingsError, TooFewLabelsError
from metier.evaluation.entity_measures import entity_f1
from metier.features.crf_features import CrfFeatures
from metier.features.gazetteer import Gazetteer
from metier.predictors import load_predictor
from metier.predictors.linear.crf import CrfPredictor
from metier.tasks.answers.spans import SPANS, SpanDecoder
from metier.text.parsing import is_parser_installed


@pytest.fixture(scope="module")
def diseases(tagged):
    return tagged("ncbi_disease", "train", 600), tagged("ncbi_disease", "test", 150)


@pytest.fixture(scope="module")
def places(tagged):
    return tagged("uner_zh_gsd", "train", 300), tagged("uner_zh_gsd", "test", 150)


@pytest.fixture(scope="module")
def fitted(diseases, tagged):
    return Crf(max_iterations=40).fit(*diseases[0], validation=tagged("ncbi_disease", "dev", 100))


@pytest.fixture(scope="module")
def folder(fitted, tmp_path_factory):
    written = tmp_path_factory.mktemp("crf")
    fitted.export(written)
    return written


def test_beats_the_dictionary_on_unseen_texts(fitted, diseases):
    train, (texts, spans) = diseases
    baseline = entity_f1(spans, DictionaryTagger().fit(*train).predict(texts))
    assert entity_f1(spans, fitted.predict(texts)) > baseline + 0.05


def test_chinese_is_tagged_by_character_with_jieba(places):
    train, (texts, spans) = places
    method = Crf(c1=0.1, c2=0.01, max_iterations=40, outside_bias=0.0, calibration=(1.0, 0.0)).fit(*train)
    assert method.facts_["parts_of_speech"] == "jieba"
    assert entity_f1(spans, method.predict(texts)) > entity_f1(
        spans, DictionaryTagger().fit(*train).predict(texts)
    )


@pytest.mark.skipif(not is_parser_installed(), reason="needs metier[nlp]: spaCy and its English model")
def test_parts_of_speech_of_english_are_seen_and_exported(diseases, tmp_path):
    texts, spans = diseases[0]
    settled = {"c1": 0.1, "c2": 0.01, "max_iterations": 20, "outside_bias": 0.0, "calibration": (1.0, 0.0)}
    method = CrfSyntax(**settled).fit(texts[:100], spans[:100])
    assert method.facts_["parts_of_speech"] == "spacy"
    assert any(feature.startswith("t0.0=NN") for feature in method.predictor_.columns)
    method.export(tmp_path)
    predictor = load_predictor(tmp_path)
    assert predictor.name == "crf_syntax.v1"
    assert predictor.predict(diseases[1][0][:10]).predicted == method.predict(diseases[1][0][:10])


def test_the_choices_are_made_on_validation(fitted):
    assert len(fitted.facts_["trials"]) == 3
    best = max(fitted.facts_["trials"], key=lambda trial: trial["entity_f1"])
    assert (fitted.chosen_params_["c1"], fitted.chosen_params_["c2"]) == (best["c1"], best["c2"])
    assert set(fitted.chosen_params_) <= set(fitted.get_params())


@pytest.mark.parametrize(
    ("given", "tried"), [({"c1": 0.2}, 3), ({"c2": 0.05}, 3), ({"c1": 0.2, "c2": 0.05}, 1)]
)
def test_the_penalty_that_is_not_set_is_chosen(given, tried, diseases, tagged):
    texts, spans = (part[:80] for part in diseases[0])
    method = Crf(max_iterations=5, **given).fit(texts, spans, validation=tagged("ncbi_disease", "train", 40))
    trials = method.facts_["trials"]
    assert len(trials) == len({(trial["c1"], trial["c2"]) for trial in trials}) == tried
    assert all(trial[name] == value for trial in trials for name, value in given.items())
    best = max(trials, key=lambda trial: trial["entity_f1"])
    assert (method.chosen_params_["c1"], method.chosen_params_["c2"]) == (best["c1"], best["c2"])


def test_same_rows_same_answers(diseases, tagged):
    rows, validation = [part[:150] for part in diseases[0]], tagged("ncbi_disease", "dev", 40)
    once, again = (Crf(max_iterations=40).fit(*rows, validation=validation) for _ in range(2))
    assert any(once.predict(diseases[1][0]))
    assert again.predict_spans(diseases[1][0]) == once.predict_spans(diseases[1][0])


def test_exported_answers_alike(fitted, folder, diseases):
    texts = diseases[1][0]
    answers = load_predictor(folder).predict(texts)
    assert answers.predicted == fitted.predict(texts)
    for spans, record in zip(fitted.predict_spans(texts), answers.records, strict=True):
        assert [round(span.probability, 6) for span in spans] == [
            span["probability"] for span in record["spans"]
        ]


def test_the_folder_holds_only_data(folder):
    from metier.bundles.safety import check_is_data, walk_files

    names = []
    for path in walk_files(folder):
        check_is_data(path)
        names.append(path.name)
    assert "chain.safetensors" in names


def test_answers_without_crfsuite_and_scikit_learn(folder, diseases):
    text = diseases[1][0][1]
    code = (
        "import sys\n"
        "class Refuse:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name in ('torch', 'pycrfsuite', 'spacy', 'sklearn'): raise ImportError(name)\n"
        "sys.meta_path.insert(0, Refuse())\n"
        "from pathlib import Path\n"
        "from metier.predictors import load_predictor\n"
        f"print(load_predictor(Path({str(folder)!r})).predict([{text!r}]).predicted[0])"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert found.stdout.strip() == str(load_predictor(folder).predict([text]).predicted[0]), found.stderr


def test_scores_are_those_of_crfsuite(diseases, tmp_path):
    """CRFsuite itself, asked about the same features, gives the same tags and the same probabilities."""
    examples = SPANS.check(diseases[0][0][:120], diseases[0][1][:120])
    features = CrfFeatures(Gazetteer({}))
    trainer = _Trainer(features, examples, least_count=1)
    weights, steps = trainer.train(c1=0.0, c2=0.001, max_iterations=80)
    trainer._trainer.train(str(tmp_path / "model"))
    tagger = pycrfsuite.Tagger()
    tagger.open(str(tmp_path / "model"))
    predictor = CrfPredictor(
        features=features,
        columns=trainer.columns,
        weights=weights,
        steps=steps,
        decoder=SpanDecoder(examples.label_names),
        name="crf.v1",
    )
    index = {feature: str(number) for number, feature in enumerate(trainer.columns)}
    n_spans = 0
    for text in examples.items[:30]:
        rows = [[index[name] for name in names if name in index] for names in features.of_text(text)[1]]
        tagger.set(pycrfsuite.ItemSequence(rows))
        scores, _ = predictor.scores(text)
        tags = predictor._chain.best(scores)
        assert [str(tag) for tag in tags] == tagger.tag()
        # CRFsuite gives illegal sequences a little weight, and this little makes the difference.
        known = [[tagger.marginal(str(tag), place) for tag in range(3)] for place in range(len(tags))]
        np.testing.assert_allclose(predictor._chain.marginals(scores), known, atol=0.02)
        n_spans += int((tags == 1).sum())
    assert n_spans > 10


def test_probabilities_are_calibrated_on_unseen_texts(fitted, diseases):
    texts, true = diseases[1]
    found = [
        (span.probability, list(span[:3]) in row)
        for spans, row in zip(fitted.predict_spans(texts), true, strict=True)
        for span in spans
    ]
    sure = [right for probability, right in found if probability > 0.8]
    unsure = [right for probability, right in found if probability <= 0.5]
    assert len(sure) > 20
    assert np.mean(sure) > 0.75
    assert np.mean(sure) > np.mean(unsure) + 0.2


@pytest.mark.parametrize(
    "text", ["", " ", "🙂🙂", "e\u0301 cancer", "ｃａｎｃｅｒ　と", "\ud83d breast cancer", "\n\n"]
)
def test_odd_texts_have_offsets_inside_them(fitted, text):
    for start, end, _ in fitted.predict([text])[0]:
        assert 0 <= start < end <= len(text)
        assert text[start:end].strip() == text[start:end]


@pytest.mark.serial
def test_two_hundred_pages_in_bounded_memory(folder, diseases):
    predictor = load_predictor(folder)
    page = " ".join(diseases[1][0][:20])[:3000]
    text = "\n".join([page] * 200)
    predictor.predict([page])
    process, start = psutil.Process(), time.perf_counter()
    before = process.memory_info().rss
    spans = predictor.predict([text]).predicted[0]
    assert process.memory_info().rss - before < 150_000_000
    assert time.perf_counter() - start < 60
    assert len(spans) > 200
    # The same page gives the same spans wherever it stands.
    by_page = [
        [[s - at, e - at, label] for s, e, label in spans if at <= s < at + len(page)]
        for at in (match.start() for match in re.finditer(re.escape(page), text))
    ]
    assert len(by_page) == 200
    assert all(found == by_page[50] for found in by_page[1:-1])


def test_threads_may_share_it(folder, diseases):
    predictor = load_predictor(folder)
    texts = diseases[1][0][:40]
    expected = predictor.predict(texts).records
    with ThreadPoolExecutor(4) as pool:
        assert all(
            found == expected for found in pool.map(lambda _: predictor.predict(texts).records, range(8))
        )


def test_without_validation_it_holds_some_rows_back(diseases):
    texts, spans = diseases[0]
    method = Crf(max_iterations=15).fit(texts[:120], spans[:120])
    assert method.chosen_params_["c1"] in (0.1, 0.05, 0.5)
    assert method.facts_["spans"] == sum(map(len, spans[:120]))


def test_a_given_gazetteer_is_seen(tmp_path, diseases):
    texts, spans = (part[:300] for part in diseases[0])
    (tmp_path / "g.csv").write_text(
        "phrase,label\nzzyzx fever,Disease\n"
        + "".join(
            f"{text[s:e]},Disease\n"
            for text, row in zip(texts, spans, strict=True)
            for s, e, _ in row
            if "," not in text[s:e]
        )
    )
    settled = {"c1": 0.1, "c2": 0.01, "max_iterations": 30, "outside_bias": 0.0, "calibration": (1.0, 0.0)}
    text = "Patients with zzyzx fever were seen ."
    without = Crf(**settled).fit(texts, spans).predict([text])
    known = Crf(gazetteer=tmp_path / "g.csv", **settled).fit(texts, spans).predict([text])
    assert known == [[[14, 25, "Disease"]]] != without


@pytest.mark.parametrize("settings", [{"c1": -1}, {"max_iterations": 0}, {"least_count": 1.5}, {"tagger": "x"}])
def test_settings_that_cannot_be(settings):
    with pytest.raises(SettingsError):
        Crf(**settings).fit(["a"], [[[0, 1, "x"]]])


def test_rows_that_say_no():
    with pytest.raises(BadSpanError):
        Crf().fit(["abc"], [[[0, 9, "x"]]])
    with pytest.raises(TooFewLabelsError):
        Crf().fit(["abc", "d"], [[], []])


@pytest.mark.parametrize("file", ["chain.safetensors", "features.json", "learned_phrases.json"])
def test_a_broken_folder_is_a_sentence(folder, tmp_path, file):
    for path in folder.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    (tmp_path / file).write_bytes(b"nonsense")
    with pytest.raises(BundleError):
        load_predictor(tmp_path)
