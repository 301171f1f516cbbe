"""Beams and constraints of a writer: what it is taught, sealed with, and answers with; by ONNX Runtime and by torch."""

import json

import pytest

pytest.importorskip("torch", reason="needs metier[train]")

from metier.errors import DataError, SettingsError
from metier.predictors import load_predictor
from metier.transformer.generation.generator import Generator

TEXTS = ["where is my card", "give me cash", "我的卡没有到", "hello there"]
TOPICS = ["card", "cash", "card", "other"]
SCHEMA = {
    "type": "object",
    "properties": {"topic": {"enum": ["card", "cash", "other"]}, "note": {"type": "string"}},
    "required": ["topic"],
}
OBJECTS = [json.dumps({"topic": topic}, indent=1) for topic in TOPICS]


@pytest.fixture(scope="module")
def bases(tiny_writers, tmp_path_factory):
    folder = tmp_path_factory.mktemp("bases")
    made = {
        "OnnxGenerationPredictor": tiny_writers.make_llama,
        "OnnxEncoderDecoderPredictor": tiny_writers.make_t5,
    }
    return {name: str(make(folder / name, [*TEXTS, *OBJECTS])) for name, make in made.items()}


@pytest.mark.parametrize("kind", ["OnnxGenerationPredictor", "OnnxEncoderDecoderPredictor"])
@pytest.mark.parametrize("settings", [{"temperature": 4.0}, {"beams": 3}])
def test_every_answer_of_an_untaught_writer_keeps_to_the_schema_and_to_the_choices(
    bases, tmp_path, kind, settings
):
    given = {"base": bases[kind], "epochs": 1, "adaptation": "full", "precision": "fp32", **settings}
    for name, limits, targets in (
        ("json", {"json_schema": SCHEMA}, OBJECTS),
        ("of", {"choices": sorted({*TOPICS})}, TOPICS),
    ):
        fitted = Generator(**given, **limits, max_new_tokens=40).fit(TEXTS, targets)
        (tmp_path / name).mkdir()
        fitted.export(tmp_path / name)
        predictor = load_predictor(tmp_path / name)
        assert type(predictor).__name__ == kind
        for answers in (
            fitted.predict(TEXTS),
            predictor.predict(TEXTS).predicted,
            ["".join(predictor.stream(TEXTS[0]))],
        ):
            topics = [json.loads(answer)["topic"] for answer in answers] if name == "json" else answers
            assert set(topics) <= set(TOPICS)


def test_what_is_taught_is_written(bases):
    given = {"epochs": 150, "learning_rate": 5e-3, "adaptation": "full", "token_budget": 256}
    fitted = Generator(base=bases["OnnxGenerationPredictor"], json_schema=SCHEMA, **given).fit(TEXTS, OBJECTS)
    assert fitted.predict(TEXTS) == [json.dumps({"topic": topic}) for topic in TOPICS]


def test_beams_are_answered_without_torch_and_as_by_torch(bases, tmp_path):
    given = {"base": bases["OnnxGenerationPredictor"], "epochs": 3, "precision": "fp32"}
    fitted = Generator(**given, beams=4, length_penalty=0.5).fit(TEXTS, TOPICS)
    fitted.export(tmp_path)
    predictor = load_predictor(tmp_path)
    assert type(predictor).__name__ == "OnnxGenerationPredictor"
    assert predictor.predict(TEXTS).predicted == fitted.predict(TEXTS)


def test_what_cannot_be_kept_is_refused_before_any_work(bases):
    base = bases["OnnxGenerationPredictor"]
    with pytest.raises(DataError, match="1 of 4 targets break json_schema: row 4: it is not JSON"):
        Generator(base=base, json_schema=SCHEMA).fit(TEXTS, [*OBJECTS[:3], "other"])
    with pytest.raises(SettingsError, match="max_new_tokens is 2, and the shortest text of json_schema has"):
        Generator(base=base, json_schema=SCHEMA, max_new_tokens=2).fit(TEXTS, OBJECTS)
    with pytest.raises(SettingsError, match="rows are translations"):
        Generator(base=base, choices=["a", "b"], kind="translation").fit(TEXTS, ["a", "b", "a", "b"])
    settings = {
        "choices": ["a", "b"],
        "json_schema": SCHEMA,
        "no_repeat_ngram": 3,
        "temperature": 1.0,
        "beams": 2,
    }
    with pytest.raises(SettingsError) as found:
        Generator(base=base, **settings).fit(TEXTS, TOPICS)
    for fault in ("both set", "no_repeat_ngram is 3 and choices is set", "use beam search or sampling"):
        assert fault in str(found.value)
