import json
import shutil
from pathlib import Path

import pytest

pytest.importorskip("torch", reason="needs metier[train]")

from metier.bases.generative_bases import resolve_generative_base
from metier.errors import BaseModelError, DataError
from metier.transformer.generation.generator import Generator

QUESTIONS = ["Where is my card?", "When does it come?", "Why is it late?"]


@pytest.fixture(scope="module")
def llama(tiny_writers, tmp_path_factory):
    return tiny_writers.make_llama(tmp_path_factory.mktemp("llama"), QUESTIONS)


def changed(folder: Path, copy: Path, file: str, **values) -> str:
    """A base with other values in one of its files; None takes a key out."""
    shutil.copytree(folder, copy)
    kept = json.loads((copy / file).read_text(encoding="utf-8")) | values
    kept = {key: value for key, value in kept.items() if value is not None}
    (copy / file).write_text(json.dumps(kept), encoding="utf-8")
    return str(copy)


def test_targets_longer_than_the_context_are_refused_with_the_cure(llama):
    long = ["word " * 400] * 3
    with pytest.raises(DataError, match=r"3 of 3 targets are longer .* larger context, up to 512"):
        Generator(base=str(llama), context=256).fit(QUESTIONS, long)
    with pytest.raises(DataError, match=r"is all that .* has\. Take a base with a longer"):
        Generator(base=str(llama)).fit(QUESTIONS, long)
    with pytest.raises(DataError, match="Set a larger max_new_tokens"):
        Generator(base=str(llama), max_new_tokens=5).fit(QUESTIONS, long)
    with pytest.raises(DataError, match="3 of 3 targets"):  # Nor is it measured for a plan.
        Generator(base=str(llama)).measure(QUESTIONS, long)


def test_an_empty_target_is_named_by_its_row(llama):
    with pytest.raises(DataError, match=r"Row 2 .* has no text as its target"):
        Generator(base=str(llama)).fit(QUESTIONS, ["Here.", "  ", "Rain."])


@pytest.mark.parametrize(
    ("template", "found"),
    [
        ("{% for message in messages %}{{ message['content'] }}", "cannot be filled"),
        ("{{ raise_exception('no chats') }}", r"cannot be filled \(no chats\)"),
        ("{{ bos_token }}", "leaves out what the user says"),
    ],
)
def test_a_template_that_does_not_work_is_said(llama, tmp_path, template, found):
    base = changed(llama, tmp_path / "base", "tokenizer_config.json", chat_template=template)
    with pytest.raises(BaseModelError, match=f"{found}(.|\n)*take it out"):
        Generator(base=base).fit(QUESTIONS, ["Here.", "Soon.", "Rain."])


def test_a_tokenizer_without_a_template_gets_plain_headings(llama, tmp_path):
    base = changed(llama, tmp_path / "base", "tokenizer_config.json", chat_template=None)
    fitted = Generator(base=base, epochs=1).fit(QUESTIONS, ["Here.", "Soon.", "Rain."])
    assert "### " in fitted._encoding_.prompts.settings.template


def test_an_architecture_that_cannot_write_is_said_before_anything_is_loaded(llama, tmp_path):
    with pytest.raises(BaseModelError, match=r"type 'martian'.*does not know"):
        resolve_generative_base(changed(llama, tmp_path / "unknown", "config.json", model_type="martian"))
    with pytest.raises(BaseModelError, match=r"type 'vit', which reads and does not write"):
        resolve_generative_base(changed(llama, tmp_path / "sees", "config.json", model_type="vit"))
