"""A head on every token: real diseases, real files, long and odd texts, choices that hold."""

import json
import os
import re
import subprocess
import sys

import numpy as np
import psutil
import pytest

from metier.classical.dictionary_tagger import DictionaryTagger
from metier.errors import SettingsError
from metier.evaluation.entity_measures import entity_f1
from metier.features.token_windows import cut
from metier.predictors import load_predictor
from metier.tasks.answers.bio import legal_starts, legal_steps, tag_names
from metier.tasks.answers.spans import SpanDecoder
from metier.transformer.tuned.token_encoder import TokenEncoder

QUICK = {"epochs": 4, "learning_rate": 1e-3, "token_budget": 512, "precision": "fp32"}


@pytest.fixture(scope="module")
def diseases(tagged):
    return (
        tagged("ncbi_disease", "train", 200),
        tagged("ncbi_disease", "dev", 60),
        tagged("ncbi_disease", "test", 100),
    )


@pytest.fixture(scope="module")
def fitted(small_base, diseases):
    return TokenEncoder(base=str(small_base), **QUICK).fit(*diseases[0], validation=diseases[1])


@pytest.fixture(scope="module")
def folder(fitted, tmp_path_factory):
    written = tmp_path_factory.mktemp("tagger")
    fitted.export(written)
    return written


def test_beats_the_dictionary_on_unseen_texts(fitted, diseases):
    train, _, (texts, spans) = diseases
    floor = entity_f1(spans, DictionaryTagger().fit(*train).predict(texts))
    assert entity_f1(spans, fitted.predict(texts)) > floor + 0.05


def test_exported_answers_alike(fitted, folder, diseases):
    texts = diseases[2][0]
    answers = load_predictor(folder).predict(texts)
    assert answers.predicted == fitted.predict(texts)
    for text, spans, record in zip(texts, fitted.predict_spans(texts), answers.records, strict=True):
        np.testing.assert_allclose(
            [span.probability for span in spans], [span["probability"] for span in record["spans"]], atol=1e-3
        )
        assert all(span["text"] == text[span["start"] : span["end"]] for span in record["spans"])
    assert answers.answered_by == ("token_encoder.v1",) * len(texts)


def test_one_row_and_many_answer_alike(folder, diseases):
    predictor = load_predictor(folder, threads=2)
    texts = diseases[2][0][:30]
    assert predictor.predict(texts).predicted == [predictor.predict([text]).predicted[0] for text in texts]


def test_no_illegal_tags_come_out_where_the_head_speaks_for_them(fitted, diseases, monkeypatch):
    """Every token is told to be I: the best that is legal begins with B, and only then goes on."""
    seen = []
    decode = SpanDecoder.spans

    def spy(decoder, logits, offsets):
        logits = logits.copy()
        logits[:, 2] += 50
        seen.append(decode(decoder, logits, offsets))
        return seen[-1]

    monkeypatch.setattr(SpanDecoder, "spans", spy)
    text = diseases[2][0][1]
    fitted.predict([text])
    assert [(span.start, span.end) for span in seen[0]] == [(0, len(text))]
    assert not legal_starts(1)[2]
    assert not legal_steps(1)[0, 2]


def test_the_choices_are_enough_for_another_fit(small_base, diseases):
    (texts, spans), validation, (unseen, _) = diseases
    few = QUICK | {"epochs": 2}
    first = TokenEncoder(base=str(small_base), **few).fit(texts[:60], spans[:60], validation=validation)
    assert set(first.chosen_params_) <= set(first.get_params())
    again = TokenEncoder(base="auto", **few).set_params(**first.chosen_params_).fit(texts[:60], spans[:60])
    assert first.facts_["best_epoch"] == 2
    assert again.predict(unseen) == first.predict(unseen)
    assert again.decoder_ == first.decoder_


def test_facts(fitted, diseases):
    assert fitted.facts_["spans"] == sum(map(len, diseases[0][1]))
    assert fitted.facts_["unaligned_spans"] == 0
    assert len(fitted.facts_["epochs"]) == QUICK["epochs"]
    assert all("entity_f1" in epoch for epoch in fitted.facts_["epochs"])


def test_edges_inside_words_are_counted(small_base):
    texts, spans = ["unbreakable", "breaking it"], [[[2, 7, "x"]], [[0, 8, "x"]]]
    settled = {"stop_epoch": 1, "epochs": 1, "outside_bias": 0.0, "calibration": (1.0, 0.0)}
    method = TokenEncoder(base=str(small_base), **settled).fit(texts, spans)
    assert method.facts_["unaligned_spans"] == 1


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "🙂 breast cancer 🙂",
        "e\u0301 breast cancer",
        "ｂｒｅａｓｔ　ｃａｎｃｅｒ",
        "\ud83d breast cancer",
        "\n\n",
        "[SEP] cancer",
    ],
)
def test_odd_texts_have_offsets_inside_them(folder, text):
    for start, end, _ in load_predictor(folder).predict([text]).predicted[0]:
        assert 0 <= start < end <= len(text)
        assert text[start:end].strip() == text[start:end]


def test_what_stands_before_moves_the_span_and_nothing_else(folder, diseases):
    predictor = load_predictor(folder)
    for before in ("🙂🙂 ", "e\u0301 ", "ＡＢ ", "\u2067 "):
        text = "Mutations cause breast cancer and ataxia - telangiectasia ."
        found = predictor.predict([before + text]).predicted[0]
        assert [span for span in found if span[1] > len(before)]
        assert {(before + text)[start:end].lower() for start, end, _ in found} & {
            "breast cancer",
            "ataxia - telangiectasia",
        }


@pytest.mark.slow
def test_two_hundred_pages_in_bounded_memory(folder, diseases):
    predictor = load_predictor(folder)
    page = " ".join(diseases[2][0][:20])[:2000].strip()
    text = "\n".join([page] * 200)
    predictor.predict([page])
    process = psutil.Process()
    before = process.memory_info().rss
    spans = predictor.predict([text]).predicted[0]
    assert process.memory_info().rss - before < 250_000_000
    # A word that is always one is found wherever it stands: on every page, in the middle of windows and at edges.
    found = {start for start, end, _ in spans if text[start:end] == "tumour"}
    there = [match.start() for match in re.finditer(r"\btumour\b", text)]
    assert len(there) >= 200
    assert np.mean([start in found for start in there]) > 0.8
    assert all(text[start:end].strip() == text[start:end] for start, end, _ in spans)


def test_answers_without_torch(folder, diseases):
    text = diseases[2][0][1]
    code = (
        "import sys\n"
        "class Refuse:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name in ('torch', 'transformers', 'onnx', 'scipy'): raise ImportError(name)\n"
        "sys.meta_path.insert(0, Refuse())\n"
        "from pathlib import Path\n"
        "from metier.predictors import load_predictor\n"
        f"print(load_predictor(Path({str(folder)!r})).predict([{text!r}]).predicted[0])"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert found.stdout.strip() == str(load_predictor(folder).predict([text]).predicted[0]), found.stderr


def test_plain_transformers_rebuild_it(folder, diseases):
    """The lines of the README, run as they stand, give the tags that the predictor starts from."""
    lines = re.search(r"```python\n(.*?)```", (folder / "huggingface" / "README.md").read_text(), re.DOTALL)[1]
    found = subprocess.run(
        [sys.executable, "-c", lines],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"},
    )
    assert found.returncode == 0, found.stderr
    tags = [line.split() for line in found.stdout.splitlines()]
    graph = load_predictor(folder).logits
    pieces = cut(graph._tokenizer, "mutations in ataxia telangiectasia")
    (logits,) = graph._run([graph._frame.around(pieces, graph._frame.windows(len(pieces.ids))[0])])
    assert [tag for _, tag in tags] == [tag_names(["Disease"])[best] for best in logits.argmax(axis=1)]
    subwords = graph._tokenizer.encode("mutations in ataxia telangiectasia", add_special_tokens=True).tokens
    assert [subword for subword, _ in tags] == subwords
    assert "".join(subwords[1:5]).replace("##", "").startswith("mutations")


def test_int8_is_kept_only_where_it_is_proved(fitted, tmp_path):
    fitted.set_params(precision="auto")
    fitted.export(tmp_path)
    settings = json.loads((tmp_path / "predictor.json").read_text())
    assert settings["export"]["rows"] == 60
    assert settings["precision"] == fitted.chosen_params_["precision"] == settings["export"]["chosen"]
    fitted.set_params(precision="fp32")


def test_chinese_by_character_through_another_language_model(e5_base, tagged):
    texts, spans = tagged("uner_zh_gsd", "train", 12)
    settled = {"stop_epoch": 1, "epochs": 1, "outside_bias": 0.0, "calibration": (1.0, 0.0)}
    method = TokenEncoder(base="e5-multilingual", **settled).fit(texts, spans)
    assert method.facts_["unaligned_spans"] == 0
    assert all(
        0 <= s < e <= len(text)
        for text, row in zip(texts, method.predict(texts), strict=True)
        for s, e, _ in row
    )


def test_measure_says_what_an_epoch_costs(small_base, diseases):
    cost = TokenEncoder(base=str(small_base)).measure(diseases[0][0][:60])
    assert cost.seconds_per_epoch > 0
    assert cost.seconds_per_row == pytest.approx(cost.seconds_per_epoch / 60)


@pytest.mark.parametrize(
    "settings", [{"epochs": 0}, {"dropout": 1.0}, {"precision": "fp8"}, {"learning_rate": -1.0}]
)
def test_settings_that_cannot_be(settings):
    with pytest.raises(SettingsError):
        TokenEncoder(**settings).fit(["a"], [[[0, 1, "x"]]])
