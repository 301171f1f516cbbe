import json

import pytest

pytest.importorskip("torch", reason="needs metier[train]")

from metier.bases.torch_free_writers import CAUSAL, ENCODER_DECODERS, torch_note
from metier.cli.speech import spoken
from metier.export.decoder_architectures import ARCHITECTURES
from metier.export.encoder_decoder_architectures import PAIR_ARCHITECTURES


def test_the_list_is_that_of_the_tables():
    assert set(CAUSAL) == set(ARCHITECTURES)
    assert set(ENCODER_DECODERS) == set(PAIR_ARCHITECTURES)


def test_a_base_that_will_need_torch_is_said_in_both_languages(tmp_path):
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "bloom"}), encoding="utf-8")
    note = torch_note(str(tmp_path))
    assert "is of type bloom" in note
    assert "metier[train]" in note
    assert "需要 torch" in spoken("zh").translated(note)


@pytest.mark.parametrize("kind", ["llama", "t5"])
def test_one_that_will_not_is_not(tmp_path, kind):
    (tmp_path / "config.json").write_text(json.dumps({"model_type": kind}), encoding="utf-8")
    assert torch_note(str(tmp_path)) is None


def test_nothing_is_known_of_a_name_that_is_no_folder():
    assert torch_note("smollm2") is None
    assert torch_note("owner/model") is None
