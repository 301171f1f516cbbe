"""The lines of a model card, run as they stand there, against the predictor they are said to rebuild."""

import re

import numpy as np
import pytest

from metier.bundles import ManifestFacts, load_bundle, seal, write_card
from metier.predictors.loading import read_settings

TEXTS = ["my card never came", "what is the exchange rate?", "how do I change my PIN"]


@pytest.fixture
def sealed(exported):
    settings = read_settings(exported)
    facts = ManifestFacts.model_validate(
        {
            "name": settings["name"],
            "task": {"name": "classification", "labels": settings["labels"]},
            "method": settings["name"],
            "predictor": {"kind": settings["kind"], "name": settings["name"]},
            "data": {"fingerprint": "0", "origin": "train.csv", "rows": {"train": 93}},
        }
    )
    write_card(exported, facts)
    seal(exported, facts)
    return exported


def test_every_export_can_be_sealed_and_loaded(sealed, fitted):
    bundle = load_bundle(sealed)
    assert bundle.predict(TEXTS).predicted == fitted.predict(TEXTS).tolist()


def test_the_lines_of_plain_transformers_give_the_same_answers(sealed, monkeypatch, capsys):
    card = (sealed / "README.md").read_text(encoding="utf-8")
    _, heading, section = card.partition("## In plain transformers")
    if not (sealed / "huggingface").is_dir():
        assert not heading
        return
    lines = re.search(r"```python\n(.*?)```", section, re.DOTALL)[1]
    asked = lines.replace('texts = ["my card never came"]', f"texts = {TEXTS!r}")
    assert asked != lines
    monkeypatch.chdir(sealed)
    names = {}
    exec(asked, names)
    expected = load_bundle(sealed).predict(TEXTS)
    np.testing.assert_allclose(names["probabilities"].numpy(), expected.probabilities, atol=1e-4)
    assert capsys.readouterr().out.strip() == str(expected.predicted)
