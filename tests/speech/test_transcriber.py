"""Hearing: the words of real recordings, what is left out, what is kept, and how it is written."""

import json
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest

from metier.errors import BaseModelError, UnknownNameError, WrongHashError
from metier.evaluation.speech_measures import word_error_rate
from metier.speech import Recording, Segment, Transcriber, Transcript, Word, find_speech_model, models
from metier.speech import transcriber as hearing
from metier.speech.subtitles import as_csv, as_srt, as_text, as_vtt, time_code, verbose_facts
from tests.speech.conftest import SPOKEN
from tests.speech.test_decoding import silent_wav

needs_model = pytest.mark.skipif(
    models.PACKAGED["whisper-tiny-en"].parts() is None, reason="needs metier[speech]"
)


@pytest.fixture(scope="module")
def heard():
    transcriber = Transcriber("whisper-tiny-en")
    return transcriber.transcribe(Recording.of_file(SPOKEN)), transcriber


@needs_model
def test_words_of_a_recording_are_heard_with_their_times(heard):
    transcript, transcriber = heard
    assert word_error_rate(["has never been surpassed"], [transcript.text]) <= 0.25
    assert (transcript.language, transcript.model) == ("en", "whisper-tiny-en")
    times = [(word.start, word.end) for word in transcript.words]
    assert all(0 <= start <= end <= transcript.seconds + 0.1 for start, end in times)
    assert times == sorted(times)
    assert 0.5 < transcript.confidence <= 1
    kept = Transcriber("whisper-tiny-en")
    kept._segments = None  # Whoever heard it again would fail.
    assert kept.transcribe(Recording.of_file(SPOKEN)) == transcript
    assert transcriber.told("en") is transcriber


@needs_model
def test_silence_has_no_words():
    silence = Recording(silent_wav(5), "silence")
    assert Transcriber("whisper-tiny-en").transcribe(silence).text == ""


@needs_model
def test_a_language_that_is_not_heard_is_refused_before_any_work():
    with pytest.raises(BaseModelError, match="hears en alone, and the language asked for is 'zh'"):
        Transcriber("whisper-tiny-en", language="zh")


class _Whisper:
    """Stands in for a Whisper of many languages that writes traditional characters."""

    def __init__(self, language):
        self.language = language

    def transcribe(self, samples, **how):
        word = SimpleNamespace(word="電話手錶", start=0.0, end=1.0, probability=0.9)
        facts = {"avg_logprob": -0.1, "no_speech_prob": 0.1, "compression_ratio": 1.0}
        segment = SimpleNamespace(start=0.0, end=1.0, text=word.word, words=[word], **facts)
        return iter([segment]), SimpleNamespace(language=self.language)


@pytest.mark.parametrize(("language", "written"), [("zh", "电话手表"), ("ja", "電話手錶")])
def test_chinese_is_written_in_simplified_characters(language, written):
    from metier.speech.models import EVERY, SpeechModel

    transcriber = Transcriber(SpeechModel("many", SPOKEN.parent, "0" * 64, EVERY), caches=False)
    transcriber._loaded = _Whisper(language)
    found = transcriber.transcribe(Recording.of_file(SPOKEN))
    assert (found.text, found.words[0].text.strip(), found.language) == (written, written, language)


def test_codes_of_no_language_are_refused():
    from metier.errors import CallError
    from metier.speech.models import EVERY, SpeechModel

    model = SpeechModel("many", SPOKEN.parent, "0" * 64, EVERY)
    assert model.hears("zh")
    assert not model.hears("klingon")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(models, "_of_folder", lambda name, folder: model)
        with pytest.raises(CallError, match=r"knows no language of the code 'klingon'\. Give one"):
            find_speech_model(str(SPOKEN.parent), language="klingon")


@needs_model
def test_it_hears_where_torch_cannot_be_imported():
    code = (
        "import sys; sys.modules['torch'] = sys.modules['transformers'] = None\n"
        "from metier.speech import Recording, Transcriber\n"
        f"print(Transcriber('whisper-tiny-en', caches=False).transcribe(Recording.of_file({str(SPOKEN)!r})).text)"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "never been" in shown.stdout


def segment(text, *, ratio=1.0, log_probability=-0.3, no_speech=0.1):
    words = tuple(Word(f" {word}", 0.0, 0.5, 0.3 if word == "Thomas" else 0.9) for word in text.split())
    return Segment(0.0, 1.5, f" {text}", words, log_probability, no_speech, ratio)


@pytest.mark.parametrize(
    ("one", "reason"),
    [
        (segment("fine"), None),
        (segment("no no no no", ratio=3.1), hearing.REPETITION),
        (segment("thanks for watching", log_probability=-1.4, no_speech=0.8), hearing.NOBODY),
        (segment("mumbled", log_probability=-1.4, no_speech=0.1), None),
    ],
)
def test_the_gates_leave_out_what_nobody_said(one, reason, monkeypatch):
    monkeypatch.setattr(Transcriber, "_segments", lambda *_, **__: ([one], "en"))
    found = Transcriber.__new__(Transcriber)
    kept, dropped, _ = found._hear(np.ones(100_000, np.float32), "en")
    assert [why for _, why in dropped] == ([] if reason is None else [reason])
    assert len(kept) == (reason is None)


def test_forms_of_a_transcript():
    found = Transcript(
        (segment("Thomas came"), segment("a --> b").moved(3661.5)), "en", 3664.0, "m", ((1, 2, "x"),)
    )
    assert as_text(found) == "Thomas came a --> b\n"
    assert as_text(found, marks=True).startswith("[Thomas?] came")
    assert as_srt(found).splitlines()[:3] == ["1", "00:00:00,000 --> 00:00:01,500", "Thomas came"]
    assert as_srt(found).splitlines()[4:] == ["2", "01:01:01,500 --> 01:01:03,000", "a -> b"]
    assert as_vtt(found, marks=True).startswith("WEBVTT\n\n00:00:00.000 --> 00:00:01.500\n[Thomas?] came\n")
    assert as_csv(found).splitlines()[1] == "0.0,1.5,Thomas came,0.6"
    facts = verbose_facts(found)
    assert facts["words"][0] == {
        "word": "Thomas",
        "start": 0.0,
        "end": 0.5,
        "probability": 0.3,
        "is_sure": False,
    }
    assert facts["left_out"] == [{"start": 1, "end": 2, "reason": "x"}]
    assert Transcript.of(json.loads(json.dumps(found.as_dict()))) == found


def test_time_codes_round_to_milliseconds():
    assert time_code(59.9996, ".") == "00:01:00.000"


def test_models_that_are_none_are_refused_with_what_is_expected(tmp_path):
    with pytest.raises(UnknownNameError, match="whisper-tiny-en"):
        find_speech_model("whisper-tny-en")
    with pytest.raises(BaseModelError, match=r"model\.bin, config\.json, tokenizer\.json missing"):
        find_speech_model(str(tmp_path))
    (tmp_path / "config.json").write_text('{"model_type": "whisper"}', encoding="utf-8")
    with pytest.raises(BaseModelError, match=r"has no model\.safetensors"):
        find_speech_model(str(tmp_path))


def test_a_folder_says_by_its_vocabulary_what_it_hears(tmp_path):
    for name in ("model.bin", "config.json", "tokenizer.json"):
        (tmp_path / name).write_text("{}", encoding="utf-8")
    (tmp_path / "vocabulary.txt").write_text("a\n" * 51_864, encoding="utf-8")
    assert find_speech_model(str(tmp_path)).languages == ("en",)
    (tmp_path / "vocabulary.txt").write_text("a\n" * 51_865, encoding="utf-8")
    assert find_speech_model(str(tmp_path)).hears("zh")


def test_weights_in_parts_are_put_together_and_checked(tmp_path, monkeypatch):
    import hashlib
    from dataclasses import replace

    for number in (1, 2):
        package = tmp_path / f"speech_part_{number}"
        package.mkdir()
        (package / "__init__.py").touch()
        (package / f"model.bin.part{number}").write_bytes(b"ab" if number == 1 else b"cd")
        (package / f"of_{number}.json").write_text("{}", encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("METIER_CACHE", str(tmp_path / "cache"))
    packaged = models.PackagedModel(
        "parted",
        ("a", "b"),
        (("speech_part_1", "model.bin.part1"), ("speech_part_2", "model.bin.part2")),
        hashlib.sha256(b"abcd").hexdigest(),
        ("*",),
    )
    folder = packaged.model().folder
    assert (folder / "model.bin").read_bytes() == b"abcd"
    assert sorted(path.name for path in folder.iterdir()) == ["model.bin", "of_1.json", "of_2.json"]
    with pytest.raises(WrongHashError, match="expected 000"):
        replace(packaged, sha256="0" * 64).model()


@pytest.mark.slow
@needs_model
def test_a_whisper_in_hugging_face_layout_is_converted_and_hears_the_same(heard):
    pytest.importorskip("transformers", reason="needs metier[train]")
    from metier.bases.known_base import known_base

    model = find_speech_model(str(known_base("whisper-tiny-en").folder()))
    assert model.languages == ("en",)
    found = Transcriber(model, caches=False).transcribe(Recording.of_file(SPOKEN))
    assert word_error_rate([heard[0].text], [found.text]) <= 0.25
