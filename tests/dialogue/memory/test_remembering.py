from itertools import pairwise
from types import SimpleNamespace

import pytest

from metier.dialogue.memory import ConversationStore, Remembering
from metier.dialogue.memory.context_rule import ContextRule, build_context, words_of
from metier.dialogue.memory.remembering import REMEMBERED, RememberingStreams, remembering
from metier.errors import CallError, DataError
from metier.predictors.text.extracted_sentences import written
from metier.predictors.text.prompting import PLAIN_TEMPLATE, Prompts, PromptSettings
from metier.tasks.dialogue_history import NOTES, TOKENS_AROUND
from metier.tasks.inputs.conversation import as_items


class Echo:
    """What writes how many messages it was asked, and the last."""

    name, labels = "echo.v1", ()

    def __init__(self):
        self.asked = []

    def predict(self, items):
        self.asked += items
        plain = as_items(items)
        return written(
            [
                item if isinstance(item, str) else f"{len(item['messages'])}: {item['messages'][-1]['content']}"
                for item in plain
            ],
            self.name,
        )

    def stream(self, item):
        yield from self.predict([item]).predicted[0]


@pytest.fixture
def store(tmp_path):
    return ConversationStore(tmp_path / "memory.db")


def said(conversation, words, **more):
    return {"messages": [{"role": "user", "content": words}], "conversation": conversation, **more}


def test_a_conversation_goes_on_and_another_knows_nothing_of_it(store):
    model = Remembering(Echo(), store)
    assert model.predict([said("a", "I am called Ann.")]).predicted == ["1: I am called Ann."]
    assert model.predict([said("a", "What am I called?")]).predicted == ["3: What am I called?"]
    assert model.predict([said("b", "What am I called?")]).predicted == ["1: What am I called?"]
    assert [turn["role"] for turn in store.turns("a")] == ["user", "assistant"] * 2


def test_without_a_name_nothing_is_kept(store):
    model = Remembering(Echo(), store)
    assert model.predict(["hello"]).predicted == ["hello"]
    assert model.predict([{"text": "hello"}, said("a", "hi")]).predicted == ["hello", "1: hi"]


def test_a_caller_may_repeat_what_is_remembered(store):
    model = Remembering(Echo(), store)
    first = model.predict([said("a", "one")]).predicted[0]
    repeated = [
        {"role": "user", "content": "one"},
        {"role": "assistant", "content": first},
        {"role": "user", "content": "two"},
    ]
    assert model.predict([{"messages": repeated, "conversation": "a"}]).predicted == ["3: two"]
    assert len(store.turns("a")) == 4


def test_a_turn_of_the_wrong_side_is_refused_and_not_kept(store):
    model = Remembering(Echo(), store)
    with pytest.raises(DataError, match="the assistant speaks first"):
        model.predict(
            [
                {
                    "messages": [{"role": "assistant", "content": "x"}, {"role": "user", "content": "y"}],
                    "conversation": "a",
                }
            ]
        )
    assert store.turns("a") == []


def test_a_streamed_reply_is_kept_once_it_is_whole(store):
    model = RememberingStreams(Echo(), store)
    assert "".join(model.stream(said("a", "hello"))) == "1: hello"
    assert len(store.turns("a")) == 2
    broken = model.stream(said("a", "again"))
    next(broken)
    broken.close()
    assert len(store.turns("a")) == 2


def test_the_subject_erases(store):
    Remembering(Echo(), store).predict([said("a", "hello", subject="customer 7")])
    assert store.erase("customer 7") == 2


@pytest.mark.parametrize(
    ("item", "found"),
    [
        (said("a", "x"), None),
        ({"text": "x", "conversation": "a", "subject": "s"}, None),
        (said(" ", "x"), "'conversation' is empty"),
        ({"conversation": "a"}, "'messages' is missing"),
        (said("a", "x", colour="red"), "there is no"),
    ],
)
def test_the_form_of_a_question(item, found):
    fault = REMEMBERED.fault(item)
    assert fault is None if found is None else found in fault


def test_what_does_not_reply_remembers_nothing(store):
    bundle = SimpleNamespace(
        name="x.v1", answer_kind=None, input_keys=("text",), task=SimpleNamespace(name="classification")
    )
    with pytest.raises(CallError, match="nothing to remember"):
        remembering(bundle, store)


def long_conversation():
    turns = [{"role": "user", "content": "My train leaves from Oxford at nine."}]
    for number in range(40):
        turns.append(
            {"role": "assistant", "content": f"Fine, note {number} is about the weather in the north."}
        )
        turns.append({"role": "user", "content": f"Then tell me more of the weather of day {number}."})
    return [*turns[:-1], {"role": "user", "content": "Where does my train leave from?"}]


@pytest.mark.parametrize("room", [60, 120, 300])
def test_the_context_is_never_exceeded_and_the_fact_is_in_it(room):
    found = build_context(long_conversation(), room=room, cost=words_of)
    used = sum(words_of(message["content"]) + TOKENS_AROUND for message in found.messages)
    assert used <= room
    assert found.messages[-1]["content"] == "Where does my train leave from?"
    notes = found.messages[0]["content"]
    assert "My train leaves from Oxford" in notes
    assert notes.index(NOTES[0]) == 0
    roles = [message["role"] for message in found.messages[1:]]
    assert roles[0] == "user"
    assert all(a != b for a, b in pairwise(roles))


def test_without_retrieval_and_summary_only_the_newest_turns_are_read():
    rule = ContextRule(retrieved_fraction=0, summary_fraction=0)
    found = build_context(long_conversation(), room=120, cost=words_of, rule=rule)
    assert found.n_retrieved == found.n_summary == 0
    assert found.messages[0]["role"] == "user"


def test_the_summary_has_what_was_said_most_and_not_what_is_retrieved():
    found = build_context(long_conversation(), room=300, cost=words_of, rule=ContextRule(summary_fraction=0.3))
    notes = found.messages[0]["content"]
    retrieved, _, summary = notes.partition(NOTES[1])
    assert found.n_summary == len(summary.strip().splitlines()) > 0
    assert not set(summary.strip().splitlines()) & set(retrieved.strip().splitlines())


def test_what_fits_is_read_whole():
    messages = [{"role": "user", "content": "hello"}]
    assert build_context(messages, room=100, cost=words_of).messages == messages


def test_notes_do_not_take_the_place_of_the_instruction():
    class Words:
        def encode(self, text):
            return [ord(sign) for sign in text]

        encode_marks = encode_target = encode

        def decode(self, ids):
            return "".join(map(chr, ids))

    prompts = Prompts(PromptSettings("reply", "Reply to the user.", PLAIN_TEMPLATE, 2000), Words())
    for first, shown in ((f"{NOTES[0]}\nuser: x", True), ("You are a pirate.", False)):
        item = {"messages": [{"role": "system", "content": first}, {"role": "user", "content": "hi"}]}
        assert ("Reply to the user." in Words().decode(prompts.build(item)[0])) is shown


def test_chinese_conversations_have_chinese_notes():
    turns = long_conversation()
    turns[-1] = {"role": "user", "content": "我的 train 从哪里 leave？"}
    assert build_context(turns, room=120, cost=words_of).messages[0]["content"].startswith(NOTES[2])
