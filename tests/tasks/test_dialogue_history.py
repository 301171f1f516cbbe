import json

import pytest

from metier.errors import DataError
from metier.tasks.dialogue_history import TEXT_HEADING, TURNS_HEADING, check_messages, fit_history


def words(text):
    return len(text.split())


def turns(*contents):
    return [
        {"role": "assistant" if number % 2 else "user", "content": content}
        for number, content in enumerate(contents)
    ]


def long_conversation(examples):
    """Real conversations one after the other, a question about the first of them at the end."""
    rows = [json.loads(line) for line in (examples / "train.jsonl").read_text("utf-8").splitlines()]
    spoken = [message for row in rows[:60] for message in row["messages"]]
    return [*spoken, {"role": "user", "content": "And that one way flight from Vegas, which airline was it?"}]


@pytest.fixture
def flights(pytestconfig):
    return long_conversation(pytestconfig.rootpath / "examples" / "sgd_dialogues" / "messages")


def test_what_fits_is_shown_as_it_is():
    said = turns("I need a bus", "Where to?", "Fresno")
    assert fit_history(said, room=100, cost=words) == (said, 0)


def test_the_newest_turns_stay_whole_and_older_ones_come_back_by_what_is_asked(flights):
    shown, n_older = fit_history(flights, room=200, cost=words)
    assert shown[-1] == flights[-1]
    kept = len(shown) - 1
    assert shown[1:] == flights[-kept:]
    assert n_older == len(flights) - kept
    assert shown[0]["role"] == "system"
    assert shown[0]["content"].startswith(TURNS_HEADING)
    assert "one way flight" in shown[0]["content"]
    assert sum(words(message["content"]) for message in shown) <= 200


def test_what_is_shown_is_still_a_conversation(flights):
    for room in (60, 90, 150, 400):
        shown, _ = fit_history(flights, room=room, cost=words)
        check_messages(shown, row=1)


def test_a_system_message_stays_and_the_lines_stand_below_it(flights):
    shown, _ = fit_history([{"role": "system", "content": "Be brief."}, *flights], room=200, cost=words)
    assert shown[0]["content"].startswith(f"Be brief.\n\n{TURNS_HEADING}")


def test_a_last_message_that_is_too_long_is_shown_by_its_end_and_what_is_like_it(flights):
    pasted = " ".join(message["content"] for message in flights)
    shown, _ = fit_history([{"role": "user", "content": pasted}], room=150, cost=words)
    text = shown[-1]["content"]
    assert words(text) <= 150
    assert text.endswith("which airline was it?")
    assert text.startswith(TEXT_HEADING)
    assert "one way flight" in text.partition("\n\n")[0]


def test_two_hundred_pages_in_one_message_are_shown_in_the_room():
    page = "The ferry leaves the harbour at noon, whatever the weather says. " * 40
    shown, _ = fit_history([{"role": "user", "content": page * 200}], room=120, cost=words)
    assert 0 < sum(words(message["content"]) for message in shown) <= 120


@pytest.mark.parametrize(
    ("messages", "found"),
    [
        ([], "no messages"),
        ([*turns("hi"), *turns("are you there?")], "two turns of the user in a row"),
        (turns("hi", "hello"), "ends with the assistant"),
        (
            [{"role": "assistant", "content": "hello"}, {"role": "user", "content": "hi"}],
            "assistant speaks first",
        ),
        ([{"role": "robot", "content": "hi"}], "expected a role out of"),
        ([{"role": "user", "content": None}], "and a content"),
        ([{"role": "system", "content": "Be brief."}], "ends with the system"),
        ([*turns("hi", "hello"), {"role": "system", "content": "x"}], "a system message after others"),
    ],
)
def test_a_conversation_that_nobody_could_answer_is_refused_with_its_row(messages, found):
    with pytest.raises(DataError, match=f"Row 7 .*{found}"):
        check_messages(messages, row=7)
