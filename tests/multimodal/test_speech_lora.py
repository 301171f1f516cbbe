"""Whisper tuned on recordings: what is learned, what it is fed, and that its bundle answers without torch."""

import csv
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from metier.bases.speech_bases import load_speech_model, resolve_speech_base
from metier.errors import DataError, SettingsError
from metier.evaluation.row_measures import measure
from metier.multimodal.frozen_speech import FrozenSpeech
from metier.multimodal.listening import Listening
from metier.multimodal.speech_lora import SpeechLora
from metier.multimodal.speech_model import SpeechModel
from metier.multimodal.speech_rows import SpeechRows, padded
from metier.predictors import load_predictor
from metier.speech import Recording, samples
from metier.tasks.inputs.audio import SILENCE
from metier.training.objectives.next_token import IGNORED, answer_cross_entropy

EXAMPLE = Path(__file__).parents[2] / "examples" / "company_words"
START, FIRST_STAMP, END = 50257, 50363, 50256


def rows_of(split, *, terms=("Korvexil", "Zentrify", "Vaultera", "Brindlecorp")):
    with (EXAMPLE / "data.csv").open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["split"] == split and row["term"] in terms]
    return [str(EXAMPLE / row["audio"]) for row in rows], [row["transcript"] for row in rows]


@pytest.fixture(scope="module")
def base():
    return resolve_speech_base("auto")


@pytest.fixture(scope="module")
def model(base):
    return SpeechModel(load_speech_model(base)).eval()


@pytest.fixture(scope="module")
def tuned():
    """Tuned a little on a dozen recordings."""
    heard, said = rows_of("train")
    return SpeechLora(epochs=3, random_state=0).fit(heard[::3], said[::3], validation=(heard[1::8], said[1::8]))


def test_a_transcript_stands_between_time_stamps(base):
    listening = Listening(base)
    ids = listening.tokens(" Hello <|endoftext|>", 2.5)
    assert ids[:2] == [START, FIRST_STAMP]
    assert ids[-2:] == [FIRST_STAMP + 125, END]
    assert END not in ids[:-1]  # What a person typed is text.


def test_each_token_follows_the_one_before_it_and_stamps_are_not_learned():
    features = [np.zeros((80, 6), np.float16), np.ones((80, 4), np.float16)]
    rows = SpeechRows(features, [[9, 100, 1, 2, 105, 7], [9, 100, 3, 102, 7]], n_first=1, first_stamp=100)
    assert rows.lengths.tolist() == [9, 7]
    batch = rows.batch(np.array([0, 1]))
    assert batch.written.tolist() == [[9, 100, 1, 2, 105], [9, 100, 3, 102, 7]]
    assert batch.labels.tolist() == [[IGNORED, 1, 2, IGNORED, 7], [IGNORED, 3, IGNORED, 7, IGNORED]]
    assert batch.features.shape == (2, 80, 6)
    assert batch.features[1, 0].tolist() == [1.0] * 6


def test_silence_after_a_recording_is_its_lowest_value():
    found = padded([np.array([[0.5, -1.0]], np.float16), np.array([[1.0, 2.0, 3.0]], np.float16)])
    assert found.tolist() == [[[0.5, -1.0, -1.0]], [[1.0, 2.0, 3.0]]]


def test_thirty_seconds_are_encoded_as_by_the_encoder_itself_and_less_is_less(base, model):
    listening = Listening(base)
    heard = samples(Recording.of_file(rows_of("train")[0][0]))
    short = listening.features(heard)
    assert short.shape == (80, 2 * int(np.ceil((len(heard) / 16000 + 0.5) * 50)))
    whole = np.full((80, 3000), short.min(), np.float32)
    whole[:, : short.shape[1]] = short
    features = torch.from_numpy(whole[None])
    with torch.inference_mode():
        theirs = model.whisper.model.encoder(features).last_hidden_state
        torch.testing.assert_close(model.encode(features), theirs, atol=1e-4, rtol=1e-4)
        assert model.encode(features[:, :, : short.shape[1]]).shape == (1, short.shape[1] // 2, 384)


def test_the_loss_is_that_of_transformers(base, model):
    heard, said = rows_of("train")
    rows, n_longer = Listening(base).rows([Recording.of_file(file) for file in heard[:2]], said[:2])
    assert n_longer == 0
    batch = rows.batch(np.arange(2))
    with torch.inference_mode():
        ours = answer_cross_entropy(model, batch)
        theirs = model.whisper(
            encoder_outputs=(model.encode(batch.features),),
            decoder_input_ids=batch.written,
            labels=batch.labels,
        ).loss
        torch.testing.assert_close(ours, theirs, atol=1e-4, rtol=1e-4)
        each = model.losses(rows, token_budget=100_000)
    counts = (batch.labels != IGNORED).sum(dim=1).numpy()
    assert float((each * counts).sum() / counts.sum()) == pytest.approx(float(ours), abs=1e-3)


def test_the_loss_falls_and_the_matrices_are_merged(tuned):
    losses = [epoch["loss"] for epoch in tuned.facts_["epochs"]]
    assert losses[-1] < 0.7 * losses[0]
    assert tuned.facts_["weights_trained"] < 0.03 * sum(w.numel() for w in tuned.whisper_.parameters())
    assert not any("lora" in name for name, _ in tuned.whisper_.named_parameters())
    assert tuned.chosen_params_["stop_epoch"] == tuned.facts_["best_epoch"]


def test_what_is_exported_answers_where_torch_cannot_be_imported(tuned, tmp_path):
    tuned.export(tmp_path)
    heard, _ = rows_of("test")
    expected = tuned.predict(heard[:2])
    code = (
        "import json, sys; sys.modules['torch'] = sys.modules['transformers'] = None\n"
        "from pathlib import Path\n"
        "from metier.predictors import load_predictor\n"
        f"found = load_predictor(Path({str(tmp_path)!r})).predict({heard[:2]!r})\n"
        "print(json.dumps(found.predicted))"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert json.loads(found.stdout) == expected
    assert all(len(text.split()) > 2 for text in expected)
    silence = load_predictor(tmp_path).predict([{"audio": SILENCE}])
    assert silence.predicted == [""]


def test_settings_that_cannot_work_are_refused_together():
    with pytest.raises(SettingsError, match="does not merge") as refused:
        SpeechLora(adaptation="prefix:4", epochs=1, stop_epoch=3).fit(*rows_of("train"))
    assert "stop_epoch" in str(refused.value)
    with pytest.raises(SettingsError, match="hears en alone"):
        FrozenSpeech(language="de").fit(*rows_of("train"))


def test_what_is_longer_than_the_model_hears_is_left_out(base, monkeypatch):
    heard, said = rows_of("train", terms=("Korvexil",))
    recordings = [Recording.of_file(file) for file in heard]
    seconds = [len(samples(one)) / 16000 for one in recordings]
    monkeypatch.setattr("metier.multimodal.listening.LONGEST_SECONDS", float(np.median(seconds)))
    rows, n_longer = Listening(base).rows(recordings, said)
    assert (len(rows), n_longer) == (4, 4)
    longest = int(np.argmax(seconds))
    with pytest.raises(DataError, match="Cut them where somebody pauses"):
        Listening(base).rows([recordings[longest]], [said[longest]])


@pytest.mark.slow
def test_words_that_were_tuned_are_written_in_voices_that_were_not():
    heard, said = rows_of("train")
    asked, truth = rows_of("test")
    before = FrozenSpeech().fit(heard, said).predict(asked)
    after = SpeechLora(epochs=8, patience=None, random_state=0).fit(heard, said).predict(asked)
    assert measure("wer", truth, after) < measure("wer", truth, before) - 0.1
    terms = ("korvexil", "zentrify", "vaultera", "brindlecorp")
    n_before, n_after = (
        sum(any(term in text.lower() for term in terms) for text in texts) for texts in (before, after)
    )
    assert n_after > n_before
