"""Conversations with pictures, answered from cases. The conversations are generated: icons, and texts about them."""

import base64
import re
from pathlib import Path

import numpy as np
import pytest

import metier
from metier.bases.known_base import known_base
from metier.dialogue import Cases, DialogueSettings, ImageDialogue
from metier.dialogue.messages import last_asked, read_messages
from metier.errors import ConversationError, EmptyDataError, ImageError, MissingLabelError, WrongTypeError
from metier.multimodal.aligned_linear import AlignedLinear
from metier.predictors import load_predictor
from metier.predictors.text.extracted_sentences import written
from metier.tasks.inputs import TEXT, TEXT_IMAGE
from metier.tasks.retrieval import Retrieval

pytest.importorskip("PIL", reason="needs metier[image]")
ICONS = Path(__file__).parents[2] / "examples" / "titled_icons"
pytestmark = pytest.mark.skipif(known_base("efficientnet-lite0").source is None, reason="needs metier[image]")


@pytest.fixture(scope="module")
def table():
    """Made of icons: each is a case that asks for it by its title and was answered with its category."""
    rows = metier.read(ICONS / "data.csv", text="text", label="label", split="none", image="image")
    whole = zip(rows.texts, rows.labels, rows.column("image"), rows.image_files, strict=True)
    return [
        {
            "id": f"C{at}",
            "image": path,
            "text": f"what is {text}?",
            "target": f"It is under {label}.",
            "label": label,
        }
        for at, (text, label, name, path) in enumerate(whole)
        if text and name
    ][:60]


@pytest.fixture(scope="module")
def cases(table):
    return Cases.of_rows(metier.read(table, text="text", image="image", target="target", label="label"))


class Model:
    """A predictor with the form of its questions, as a bundle has it."""

    def __init__(self, predictor, kind):
        self.predict, self.input_kind = predictor.predict, kind


@pytest.fixture(scope="module")
def search(table, cut_to, tmp_path_factory):
    """A real search over the pictures of the cases, from the files that it is sealed with."""
    pairs = metier.read(table, text="text", image="image", label="none")
    task = Retrieval.from_rows(pairs)
    method = AlignedLinear(collection=task.collection, base=str(cut_to(1, small=True)), penalty=1.0, size=32)
    folder = tmp_path_factory.mktemp("search") / "aligned"
    method.fit(task.items(pairs), task.targets(pairs)).export(folder)
    return Model(load_predictor(folder), TEXT_IMAGE)


@pytest.fixture(scope="module")
def labeller(table):
    words = metier.catalogue.resolve("tfidf_linear.v1")(C=10.0).fit(
        [row["text"] for row in table], [row["label"] for row in table]
    )
    return Model(words.predictor_, TEXT)


def asked(*contents):
    return [{"role": "user", **one} for one in contents]


def test_a_known_picture_is_answered_as_its_case_was(search, cases, table):
    dialogue = ImageDialogue(search, cases)
    for row in table[:3]:
        reply = dialogue.reply(asked({"content": "What is this?", "image": row["image"]}))
        first = reply.cases[0]
        assert reply.is_answered
        assert first.case.image_id == next(case.image_id for case in cases.cases if case.id == row["id"])
        assert first.case.answer in reply.text
        assert first.case.id in reply.text
        assert f"{first.similarity:.2f}" in reply.text
        assert len(reply.cases) == 3


def test_the_picture_of_an_earlier_message_still_counts(search, cases, table):
    dialogue = ImageDialogue(search, cases)
    conversation = [
        *asked({"content": "Look at this.", "image": Path(table[4]["image"]).read_bytes()}),
        {"role": "assistant", "content": "What would you like to know?"},
        *asked({"content": table[4]["text"]}),
    ]
    reply = dialogue.reply(conversation)
    assert reply.cases[0].case.image == table[4]["image"]


def test_far_from_every_case_it_says_so_and_invents_nothing(search, cases):
    strict = ImageDialogue(search, cases, settings=DialogueSettings(least_similarity=1.0))
    reply = strict.reply(asked({"content": "How do I reset my password?"}))
    assert not reply.is_answered
    assert "A person should answer" in reply.text
    assert not any(case.answer in reply.text for case in cases.cases)


def test_labels_are_named_where_they_are_probable_in_the_language_asked_for(search, cases, labeller, table):
    question = asked({"content": table[0]["text"], "image": table[0]["image"]})
    settings = DialogueSettings(least_probability=0.0, language="zh")
    reply = ImageDialogue(search, cases, labeller=labeller, settings=settings).reply(question)
    label = max(reply.labels, key=reply.labels.get)
    assert reply.text.startswith(f"看起来是 {label}")
    assert "相似度" in reply.text
    silent = ImageDialogue(
        search, cases, labeller=labeller, settings=DialogueSettings(least_probability=1.0)
    ).reply(question)
    assert "This looks like" not in silent.text
    assert np.isclose(sum(silent.labels.values()), sum(reply.labels.values()))


def test_a_reply_is_plain_facts(search, cases, table):
    facts = ImageDialogue(search, cases).reply(asked({"content": table[0]["text"]})).as_dict()
    assert {"text", "labels", "cases", "is_answered", "language", "written_by"} == facts.keys()
    assert facts["written_by"] == "template"
    assert {"id", "answer", "similarity", "image"} <= facts["cases"][0].keys()


@pytest.mark.parametrize(
    ("messages", "said"),
    [
        ([], "no message of the role user"),
        ([{"role": "assistant", "content": "Hello"}], "no message of the role user"),
        ([{"role": "user", "content": "  "}], "no message of the role user"),
        (["Hello"], "'messages.0' of the conversation cannot be used: expected an object"),
        ([{"role": "user", "content": 3}], "'messages.0' of the conversation"),
        ([{"role": "user", "content": "x", "image": 3}], "Expected an image at position 0, found int"),
        ("Hello", "expected a list of messages, found str"),
    ],
)
def test_what_is_no_conversation_is_refused(messages, said):
    with pytest.raises(WrongTypeError, match=said):
        last_asked(messages)


class Writes:
    """A writer at the seam: it says what it is told to, and keeps what it was asked."""

    name = "generator.v1"

    def __init__(self, text):
        self.text, self.asked = text, []

    def predict(self, items):
        self.asked += items
        return written([self.text], self.name)


def test_a_writer_words_the_reply_from_the_cases_which_are_cited(search, cases, labeller, table):
    question = asked({"content": table[0]["text"], "image": table[0]["image"]})
    writer = Writes("It is an icon of that kind.")
    settings = DialogueSettings(least_probability=0.0)
    reply = ImageDialogue(search, cases, labeller=labeller, writer=writer, settings=settings).reply(question)
    assert reply.written_by == "generator.v1"
    first = reply.cases[0].case
    assert reply.text.startswith(f"It is an icon of that kind. (After the cases {first.id}, similarity ")
    for part in (table[0]["text"], first.answer, next(iter(reply.labels))):
        assert part in writer.asked[0]


@pytest.mark.parametrize("text", ["", "  ", "Call 0800-555 at once."])
def test_a_writer_that_says_nothing_or_a_number_of_no_case_is_not_believed(search, cases, table, text):
    reply = ImageDialogue(search, cases, writer=Writes(text)).reply(asked({"image": table[0]["image"]}))
    assert reply.written_by == "template"
    assert reply.cases[0].case.answer in reply.text


def test_a_writer_is_not_asked_where_no_case_is_near(search, cases):
    writer = Writes("Surely.")
    strict = ImageDialogue(search, cases, writer=writer, settings=DialogueSettings(least_similarity=1.0))
    assert "A person should answer" in strict.reply(asked({"content": "How do I reset it?"})).text
    assert writer.asked == []


def test_the_reply_is_in_the_language_of_the_user_unless_another_is_asked_for(search, cases, table):
    dialogue = ImageDialogue(search, cases)
    question = [*asked({"content": "这是什么？"}), *asked({"content": "", "image": table[0]["image"]})]
    assert "相似度" in dialogue.reply(question).text
    assert "similarity" in dialogue.reply(question, language="en").text
    assert "相似度" in dialogue.reply(asked({"content": "what is it"}), language="zh").text


def data_url(path):
    return "data:image/png;base64," + base64.b64encode(Path(path).read_bytes()).decode()


def test_messages_of_chat_completions_are_read(table):
    parts = [
        {"type": "text", "text": "Look."},
        {"type": "image_url", "image_url": {"url": data_url(table[0]["image"]), "detail": "low"}},
        {"type": "text", "text": "What is it?"},
        {"type": "image_url", "image_url": data_url(table[1]["image"])},
    ]
    sent = [
        {"role": "system", "content": "Be kind."},
        {"role": "user", "content": parts},
        {"role": "assistant", "content": None, "tool_calls": []},
    ]
    system, user, assistant = read_messages(sent)
    assert (system.content, assistant.content) == ("Be kind.", "")
    assert user.content == "Look.\nWhat is it?"
    assert [one.n_pixels > 0 for one in user.image.each] == [True, True]
    assert last_asked([system, user, assistant]) == user


@pytest.mark.parametrize(
    ("messages", "error", "said"),
    [
        (None, ConversationError, "found NoneType"),
        ([], ConversationError, "found an empty list"),
        (["x"], ConversationError, "'messages.0'"),
        ([{"role": "robot", "content": "x"}], ConversationError, "'messages.0.role'"),
        ([{"role": "user"}], ConversationError, "'messages.0.content'"),
        ([{"role": "user", "content": ["x"]}], ConversationError, "'messages.0.content.0'"),
        ([{"role": "user", "content": [{"type": "text"}]}], ConversationError, "'messages.0.content.0.text'"),
        ([{"role": "user", "content": [{"type": "image_url"}]}], ConversationError, "found NoneType"),
        (
            [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "https://a.b/c.png"}}]}],
            ImageError,
            "nothing is fetched",
        ),
        (
            [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:,?"}}]}],
            ImageError,
            "not base64",
        ),
    ],
)
def test_messages_of_another_form_are_refused_by_their_place(messages, error, said):
    with pytest.raises(error, match=re.escape(said)):
        read_messages(messages)


def test_pictures_come_from_the_user_alone(table):
    part = {"type": "image_url", "image_url": {"url": data_url(table[0]["image"])}}
    with pytest.raises(ConversationError, match="by the role user alone"):
        read_messages([{"role": "assistant", "content": [part]}])


def test_a_picture_that_is_none_is_said(search, cases):
    with pytest.raises(ImageError, match="not JPEG"):
        ImageDialogue(search, cases).reply(asked({"content": "x", "image": b"no picture"}))


def test_rows_without_answers_are_no_cases(table):
    rows = metier.read(table, text="text", image="image", label="label")
    with pytest.raises(MissingLabelError, match="target"):
        Cases.of_rows(rows)
    empty = [{**row, "target": ""} for row in table[:3]]
    with pytest.raises((EmptyDataError, MissingLabelError)):
        Cases.of_rows(metier.read(empty, text="text", image="image", target="target", label="label"))
