import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.base import clone

from metier.bases.huggingface_folder import load_model
from metier.errors import BundleError, EntityError, SettingsError
from metier.features.entity_marking import MARKS
from metier.predictors import load_predictor
from metier.training.batching import TokenisedRows
from metier.training.heads.marked_classifier import MarkedClassifier, with_marks
from metier.transformer.tuned.relation_encoder import RelationEncoder

SEMEVAL = Path(__file__).parents[3] / "examples" / "semeval2010_task8"
LABELS = ("Cause-Effect(e1,e2)", "Cause-Effect(e2,e1)", "Content-Container(e1,e2)", "Message-Topic(e1,e2)")


def read(name):
    with (SEMEVAL / f"{name}.jsonl").open(encoding="utf-8") as file:
        lines = [line for line in map(json.loads, file) if line["label"] in LABELS]
    items = [
        {"text": line["text"], **{e: [line[e]["start"], line[e]["end"]] for e in ("head", "tail")}}
        for line in lines
    ]
    return items, [line["label"] for line in lines]


@pytest.fixture(scope="module")
def train():
    return read("train")


@pytest.fixture(scope="module")
def unseen():
    return read("test")


@pytest.fixture(scope="module")
def fitted(train, unseen, tiny_base):
    method = RelationEncoder(base=str(tiny_base), epochs=4, learning_rate=1e-3, precision="fp32")
    return method.fit(*train, validation=unseen)


@pytest.fixture(scope="module")
def exported(fitted, tmp_path_factory):
    folder = tmp_path_factory.mktemp("relation")
    fitted.export(folder)
    return folder


def test_learns_relations_between_what_is_marked(fitted, unseen):
    items, labels = unseen
    assert np.mean(fitted.predict(items) == np.array(labels)) > 0.7
    # The same text asked about other entities has another answer: the marks are seen.
    text = "The storm caused the flood, and the box holds the coins."
    places = {
        word: [text.index(word), text.index(word) + len(word)] for word in ("storm", "flood", "box", "coins")
    }
    asked = [
        {"text": text, "head": places[one], "tail": places[two]}
        for one, two in (("storm", "flood"), ("box", "coins"))
    ]
    apart = np.abs(np.subtract(*fitted.predict_proba(asked))).sum()
    assert apart > 0.3


def test_exported_answers_as_in_memory(fitted, exported, unseen):
    items, _ = unseen
    answers = load_predictor(exported).predict(items)
    np.testing.assert_allclose(answers.probabilities, fitted.predict_proba(items), atol=1e-4)
    assert answers.labels == tuple(fitted.classes_)
    one = load_predictor(exported).predict(items[:1])
    np.testing.assert_allclose(one.probabilities, answers.probabilities[:1], atol=1e-4)


def test_what_was_trained_in_half_precision_is_exported_whole(native_bf16, train, tiny_base, tmp_path):
    items, labels = train[0][:40], train[1][:40]
    method = RelationEncoder(base=str(tiny_base), epochs=1, stop_epoch=1, temperature=1.0).fit(items, labels)
    method.export(tmp_path)
    answers = load_predictor(tmp_path).predict(items)
    np.testing.assert_allclose(answers.probabilities, method.predict_proba(items), atol=0.02)


def test_the_tokenizer_that_is_exported_knows_the_marks(exported):
    for path in (exported / "tokenizer.json", exported / "huggingface" / "tokenizer.json"):
        written = json.loads(path.read_text(encoding="utf-8"))
        assert [token["content"] for token in written["added_tokens"][-4:]] == list(MARKS)
    config = json.loads((exported / "huggingface" / "config.json").read_text(encoding="utf-8"))
    assert config["vocab_size"] == written["added_tokens"][-1]["id"] + 1


def test_answers_where_importing_torch_raises(exported, fitted, unseen):
    code = (
        "import sys\nsys.modules['torch'] = None\nsys.modules['transformers'] = None\n"
        "from pathlib import Path\nfrom metier.predictors.loading import load_predictor\n"
        f"print(load_predictor(Path({str(exported)!r})).predict({unseen[0][:2]!r}).predicted)"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert found.stdout.strip() == str(fitted.predict(unseen[0][:2]).tolist()), found.stderr


def test_a_long_book_with_entities_far_apart_is_answered_by_their_surroundings(fitted, exported, unseen):
    row = next(row for row, label in enumerate(unseen[1]) if label == "Message-Topic(e1,e2)")
    item = unseen[0][row]
    page = "Nothing of importance happened on this day either. " * 60
    text = page * 100 + item["text"] + page * 100
    shift = len(page) * 100
    within = {"text": text, **{e: [place + shift for place in item[e]] for e in ("head", "tail")}}
    far = {"text": page * 100 + "The essay" + page * 100 + "on war", "head": [shift + 4, shift + 9]}
    far["tail"] = [len(far["text"]) - 3, len(far["text"])]
    expected = fitted.predict_proba([within, far])
    answers = load_predictor(exported).predict([within, far])
    np.testing.assert_allclose(answers.probabilities, expected, atol=1e-4)
    marked = [fitted._fitted.reader.mark(each) for each in (within, far)]
    assert [each.is_split for each in marked] == [False, True]
    assert all(len(each.ids) <= fitted.base_.max_length for each in marked)


def test_how_many_rows_have_their_entities_apart_is_a_fact(train, tiny_base):
    items, labels = train
    filler = " and so on" * 3_000
    first = items[0] | {"text": items[0]["text"] + filler + " cradle"}
    first["tail"] = [len(first["text"]) - 6, len(first["text"])]
    method = RelationEncoder(base=str(tiny_base), epochs=1, stop_epoch=1, temperature=1.0)
    method.fit([first, *items[1:60]], labels[:60])
    assert method.facts_["entities_apart"] == 1


def test_what_was_chosen_needs_no_validation(fitted, train):
    again = clone(fitted).set_params(**fitted.chosen_params_ | {"epochs": 1, "stop_epoch": 1}).fit(*train)
    assert again.decoder_ == fitted.decoder_
    assert again._fitted.validation is None


def test_it_goes_on_from_its_checkpoints_to_the_same_answer(train, tiny_base, tmp_path):
    items, labels = train[0][:80], train[1][:80]
    settings = {"base": str(tiny_base), "epochs": 2, "stop_epoch": 2, "temperature": 1.0}
    whole = RelationEncoder(**settings).fit(items, labels)
    kept = RelationEncoder(**settings, checkpoint_folder=tmp_path).fit(items, labels)
    resumed = RelationEncoder(**settings, checkpoint_folder=tmp_path).fit(items, labels)
    np.testing.assert_allclose(kept.predict_proba(items), whole.predict_proba(items), atol=1e-5)
    np.testing.assert_allclose(resumed.predict_proba(items), whole.predict_proba(items), atol=1e-5)


def test_marks_start_where_the_paper_has_its_signs(tiny_base, fitted):
    marker = fitted._fitted.reader
    encoder = with_marks(load_model(fitted.base_), marker.tokenizer)
    vectors = encoder.get_input_embeddings().weight
    assert len(vectors) == marker.tokenizer.get_vocab_size()
    torch.testing.assert_close(vectors[-4], vectors[marker.tokenizer.token_to_id("$")])
    torch.testing.assert_close(vectors[-1], vectors[marker.tokenizer.token_to_id("#")])


def test_the_head_sees_the_states_at_the_opening_marks(fitted, unseen):
    """Against the encoder itself, asked for its states."""
    model: MarkedClassifier = fitted.model_
    ids = fitted._fitted.reader.mark(unseen[0][0]).ids
    first = fitted._fitted.reader.tokenizer.token_to_id("[H]")
    with torch.inference_mode():
        states = model.encoder(input_ids=torch.tensor([ids])).last_hidden_state[0]
        seen = torch.cat([states[ids.index(first)], states[ids.index(first + 2)], states.mean(0)])
        expected = model.head.eval()(seen[None]).numpy()
    np.testing.assert_allclose(model.logits(TokenisedRows([ids], None, model.pad_id)), expected, atol=1e-5)


def test_measures_what_an_epoch_costs(train, tiny_base):
    cost = RelationEncoder(base=str(tiny_base)).measure(*train, n_batches=1)
    assert cost.seconds_per_epoch > 0
    assert cost.memory_bytes > 0


def test_what_is_wrong_is_said(fitted, exported, train, tiny_base, tmp_path):
    items, labels = train
    with pytest.raises(SettingsError, match="epochs is 0"):
        RelationEncoder(epochs=0).fit(items, labels)
    broken = [items[0], items[1] | {"head": [0, 10_000]}]
    for ask in (fitted.predict, load_predictor(exported).predict):
        with pytest.raises(EntityError, match="row 2"):
            ask(broken)
    settings = json.loads((exported / "predictor.json").read_text())
    (tmp_path / "predictor.json").write_text(json.dumps(settings))
    with pytest.raises(BundleError, match=r"tokenizer\.json is not a tokenizer"):
        load_predictor(tmp_path)
