import numpy as np
import pytest
import torch

from metier.bases.generative_bases import load_codec, load_language_model, resolve_generative_base
from metier.errors import MissingExtraError, SettingsError, TooFewLabelsError
from metier.predictors import load_predictor
from metier.transformer.generation.label_likelihood import MOST_TEXT_TOKENS, LabelLikelihood
from metier.transformer.generation.prompted import Prompted

TEXTS = ["my card is lost", "what is the exchange rate today?", "change my PIN please", ""]
LABELS = ["lost_or_stolen_card", "exchange_rate", "change_pin", "change_pin"]


@pytest.fixture(scope="module")
def llama(tiny_writers, tmp_path_factory):
    return tiny_writers.make_llama(tmp_path_factory.mktemp("llama"), [*TEXTS, *LABELS])


@pytest.fixture(scope="module")
def t5(tiny_writers, tmp_path_factory):
    return tiny_writers.make_t5(tmp_path_factory.mktemp("t5"), TEXTS)


@pytest.fixture(scope="module")
def fitted(llama):
    return Prompted(base=str(llama)).fit(TEXTS, LABELS)


def one_by_one(model, codec, prompt, label):
    """The likelihood of a label in a pass of its own."""
    before, after = codec.encode(prompt), codec.encode(label)
    with torch.inference_mode():
        given = torch.log_softmax(model(torch.tensor([before + after])).logits[0], dim=-1)
    return sum(float(given[len(before) - 1 + place, token]) for place, token in enumerate(after))


@pytest.mark.parametrize("most", [1024, 8])
def test_labels_in_one_pass_are_scored_as_each_by_itself(llama, monkeypatch, most):
    monkeypatch.setattr("metier.transformer.generation.label_likelihood.MOST_LABEL_TOKENS", most)
    base = resolve_generative_base(str(llama))
    model, codec = load_language_model(base, dtype=torch.float32), load_codec(base.folder)
    described = ["a lost card", "rate", "change of a personal number"]
    template = "Text: {text}\nTopic:"
    scorer = LabelLikelihood(model, codec, described=described, template=template, most_tokens=512)
    for text in TEXTS[:2]:
        # Cut where the scorer cuts: a token must not cross from the template into the text.
        prompt = [*codec.encode("Text: "), *codec.encode(text), *codec.encode("\nTopic:")]
        empty = [*codec.encode("Text: "), *codec.encode("\nTopic:")]

        class Cut:
            def __init__(self, ids):
                self.ids = ids

            def encode(self, part):
                return self.ids if part == "prompt" else codec.encode(part)

        expected = [
            one_by_one(model, Cut(prompt), "prompt", f" {label}")
            - one_by_one(model, Cut(empty), "prompt", f" {label}")
            for label in described
        ]
        np.testing.assert_allclose(scorer.scores([text])[0], expected, atol=1e-3)


def test_exported_answers_as_in_memory(fitted, tmp_path):
    fitted.export(tmp_path)
    answers = load_predictor(tmp_path).predict(TEXTS)
    np.testing.assert_allclose(answers.probabilities, fitted.predict_proba(TEXTS), atol=1e-5)
    assert answers.labels == tuple(sorted(set(LABELS)))
    assert answers.answered_by == ("prompted.v1",) * len(TEXTS)
    assert len(load_predictor(tmp_path).predict([])) == 0


def test_labels_are_written_as_words_or_as_described(llama):
    method = Prompted(base=str(llama), descriptions={"change_pin": "a new PIN"}, temperature=1.0).fit(
        TEXTS, LABELS
    )
    assert method.facts_["described"] == {
        "change_pin": "a new PIN",
        "exchange_rate": "exchange rate",
        "lost_or_stolen_card": "lost or stolen card",
    }
    assert method.chosen_params_["temperature"] == 1.0


def test_of_a_book_both_ends_are_read(fitted):
    book = "so it goes. " * 40_000
    ids = fitted.predictor_.likelihood._prompt("begin " + book + " end")
    assert len(ids) < MOST_TEXT_TOKENS + 40
    one, other = fitted.predict_proba([f"card {book}", f"{book} card"])
    assert np.isfinite(one).all()
    assert not np.allclose(one, other)


def test_what_cannot_work_is_said(llama, t5):
    with pytest.raises(SettingsError, match="expected a causal model"):
        Prompted(base=str(t5)).fit(TEXTS, LABELS)
    with pytest.raises(SettingsError, match=r"a text with \{text\} in it"):
        Prompted(base=str(llama), template="Topic:").fit(TEXTS, LABELS)
    with pytest.raises(TooFewLabelsError):
        Prompted(base=str(llama)).fit(TEXTS, ["same"] * 4)


def test_where_torch_is_missing_the_predictor_says_so(fitted, tmp_path, monkeypatch):
    fitted.export(tmp_path)

    def absent(name):
        raise ModuleNotFoundError(name="torch")

    monkeypatch.setattr("metier.predictors.loading.pkgutil.resolve_name", absent)
    with pytest.raises(MissingExtraError, match=r"metier\[train\]"):
        load_predictor(tmp_path)
