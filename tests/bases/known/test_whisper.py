"""Whisper out of the installed package: nothing is lost on the way, and transformers writes what CTranslate2 writes."""

import struct
from pathlib import Path

import numpy as np
import pytest
import torch
import transformers

from metier.bases.known.whisper_conversion import renamed
from metier.bases.known_base import known_base
from metier.bases.known_bases import suits
from metier.bases.speech_bases import load_speech_model, resolve_speech_base
from metier.errors import BaseModelError, UnknownNameError
from metier.speech.ctranslate2_file import read_variables
from metier.speech.decoding import RATE, samples
from metier.speech.recording import Recording

EXAMPLES = Path(__file__).parents[3] / "examples"
NOT_WEIGHTS = (
    "activation",
    "alibi",
    "alignment",
    "num_heads",
    "pre_norm",
    "scale_embeddings",
    "start_from_zero",
)
SPOKEN = ("LJ001-0002.flac", "LJ001-0013.flac")


@pytest.fixture(scope="module")
def whisper():
    return resolve_speech_base("auto")


def test_every_weight_is_carried_over(whisper):
    variables = read_variables(known_base("whisper-tiny-en").source)
    weights = {
        name: value for name, value in variables.items() if not name.rpartition("/")[2].startswith(NOT_WEIGHTS)
    }
    found = dict(renamed(variables))
    n_key_biases = 12 * 384  # Of four encoder and eight decoder attentions; there they stand as zeros.
    assert sum(value.size for value in found.values()) == (
        sum(value.size for value in weights.values()) - n_key_biases
    )
    model = load_speech_model(whisper)
    assert sum(weight.numel() for weight in model.parameters()) == 37_760_256
    own = model.state_dict()
    for name, value in found.items():
        np.testing.assert_array_equal(own[f"model.{name}"].numpy(), value.astype(np.float32))


def test_both_engines_write_the_same(whisper):
    from faster_whisper import WhisperModel

    theirs = WhisperModel(
        str(known_base("whisper-tiny-en").source.parent), compute_type="float32", cpu_threads=1
    )
    model = load_speech_model(whisper)
    extractor = transformers.WhisperFeatureExtractor.from_pretrained(whisper.folder)
    tokenizer = transformers.AutoTokenizer.from_pretrained(whisper.folder)
    for name in SPOKEN:
        heard = samples(Recording.of_file(EXAMPLES / "spoken_topics" / "audio" / name))
        features = extractor(heard, sampling_rate=RATE, return_tensors="pt").input_features
        with torch.inference_mode():
            ids = model.generate(input_features=features, do_sample=False)
        segments, _ = theirs.transcribe(
            heard, language="en", beam_size=1, temperature=0.0, without_timestamps=True
        )
        written = tokenizer.decode(ids[0], skip_special_tokens=True).strip()
        assert written == " ".join(segment.text.strip() for segment in segments)
        assert len(written.split()) > 3


def test_a_file_of_another_version_is_refused(tmp_path):
    file = tmp_path / "model.bin"
    file.write_bytes(struct.pack("<I", 5) + b"\x0c\x00WhisperSpec\x00")
    with pytest.raises(BaseModelError, match="version 5"):
        read_variables(file)
    whole = known_base("whisper-tiny-en").source
    with whole.open("rb") as given:
        file.write_bytes(given.read(100_000))
    with pytest.raises(BaseModelError, match="Install the package"):
        read_variables(file)


@pytest.mark.parametrize(
    ("name", "hears"),
    [("whisper-tiny-en", True), ("auto", True), ("minilm", False), ("efficientnet-lite0", False)],
)
def test_what_hears_by_name(name, hears):
    assert suits(name, "hears") is hears


def test_what_does_not_hear_is_no_speech_base(tiny_base, whisper):
    assert suits(str(whisper.folder), "hears")
    assert not suits(str(whisper.folder), "writes")
    assert not suits(str(whisper.folder), "reads")
    assert not suits(str(tiny_base), "hears")
    for name in (str(tiny_base), "minilm"):
        with pytest.raises(UnknownNameError, match="base for speech"):
            resolve_speech_base(name)


def test_a_folder_of_its_own_is_a_base(whisper):
    found = resolve_speech_base(str(whisper.folder))
    assert (found.languages, found.max_length) == (("en",), 448)
