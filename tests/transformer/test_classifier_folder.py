"""A classifier in a folder of Hugging Face layout, as `save_pretrained` writes it, against transformers itself."""

import json
import shutil

import numpy as np
import pytest
import torch
import transformers

import metier
from metier.bundles import load_model
from metier.cli import program
from metier.errors import BaseModelError

TEXTS = ["where is my card", "what is the exchange rate today please", "我的卡在哪里"]


@pytest.fixture(scope="module")
def hub(small_base, tmp_path_factory):
    """Gives folders of classifiers of random heads on a small base, by their configuration."""

    def folder(**config):
        made = tmp_path_factory.mktemp("hub") / "theirs"
        torch.manual_seed(0)
        model = transformers.AutoModelForSequenceClassification.from_pretrained(small_base, **config)
        model.save_pretrained(made)
        for name in ("tokenizer.json", "tokenizer_config.json"):
            shutil.copy(small_base / name, made / name)
        return made

    return folder


def of_transformers(folder):
    """The logits of transformers, one text at a time."""
    model = transformers.AutoModelForSequenceClassification.from_pretrained(folder).eval()
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    with torch.inference_mode():
        return torch.cat([model(**tokenizer(text, return_tensors="pt")).logits for text in TEXTS])


def test_one_label_of_several(hub):
    folder = hub(id2label={0: "card", 1: "rate", 2: "age"}, label2id={"card": 0, "rate": 1, "age": 2})
    model = load_model(folder)
    assert (model.name, model.labels, model.task.name) == ("theirs", ("card", "rate", "age"), "classification")
    wanted = of_transformers(folder).softmax(dim=1).numpy()
    assert np.allclose(model.predict(TEXTS).probabilities, wanted, atol=1e-5)
    rows = [
        {"text": text, "label": label}
        for text, label in zip(TEXTS * 8, ["card", "rate", "age"] * 8, strict=True)
    ]
    found = metier.evaluate(folder, rows)
    assert found.metrics["accuracy"]["value"] == pytest.approx((wanted.argmax(axis=1) == [0, 1, 2]).mean())


def test_several_labels_and_a_number(hub):
    several = hub(problem_type="multi_label_classification", num_labels=2)
    model = load_model(several)
    assert model.task.name == "multi_label"
    assert np.allclose(
        model.predict(TEXTS).probabilities, of_transformers(several).sigmoid().numpy(), atol=1e-5
    )
    number = hub(num_labels=1)
    assert load_model(number).task.name == "regression"
    assert np.allclose(
        load_model(number).predict(TEXTS).predicted, of_transformers(number)[:, 0].numpy(), atol=1e-5
    )


def test_it_is_explained_on_the_command_line(hub, capsys):
    assert program.run(["explain", str(hub(num_labels=2)), "where is my card", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["label"] in ("LABEL_0", "LABEL_1")


def test_an_encoder_without_a_head_and_a_broken_folder_are_refused(hub, small_base, tmp_path):
    with pytest.raises(BaseModelError, match=r"has no weights for .* of the classifier"):
        load_model(small_base)
    folder = hub(num_labels=2)
    shutil.copytree(folder, tmp_path / "broken")
    (tmp_path / "broken" / "model.safetensors").write_bytes(b"nothing")
    with pytest.raises(BaseModelError, match="cannot be loaded as a classifier"):
        load_model(tmp_path / "broken")
