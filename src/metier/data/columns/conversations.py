"""Conversations: who said what, up to the assistant's turn that is to be written."""

from collections.abc import Mapping
from typing import Any

from metier.data.columns.spans import decode
from metier.data.columns.value_faults import FaultError

REPAIR = "joins turns of one speaker into one, and leaves out rows in which the user says nothing"
_SPEAKERS = {
    "user": "user",
    "human": "user",
    "customer": "user",
    "prompter": "user",
    "assistant": "assistant",
    "gpt": "assistant",
    "bot": "assistant",
    "agent": "assistant",
    "model": "assistant",
    "chatbot": "assistant",
    "system": "system",
    "tool": "tool",
    "function": "tool",
    "observation": "tool",
}
_WHO = ("role", "from", "speaker")
_WHAT = ("content", "value", "text", "utterance")


def is_messages(value: Any) -> bool:
    """Whether a value has the shape of a conversation: a list of objects that say who speaks and what."""
    turns = decode(value)
    return (
        isinstance(turns, list)
        and bool(turns)
        and all(
            isinstance(turn, Mapping) and any(key in turn for key in _WHO) and any(key in turn for key in _WHAT)
            for turn in turns
        )
    )


def is_turns(value: Any) -> bool:
    """Whether a value is a list of two texts or more, said in turn."""
    turns = decode(value)
    return isinstance(turns, list) and len(turns) > 1 and all(isinstance(turn, str) for turn in turns)


def parse_messages(value: Any, *, repair: bool = False) -> tuple[list[dict[str, str]], str | None]:
    """Give a conversation up to the user's last turn, and the assistant's turn after it (None if there is none).

    Plain texts are said in turn, the user first. Speakers are called user, assistant, system and tool, whatever
    the file calls them.

    Raises
    ------
    FaultError
        If two turns of the user or of the assistant stand in a row, or there is nothing to answer.
    """
    turns = decode(value)
    if not isinstance(turns, list) or not turns:
        raise FaultError(
            "there is no turn.", 'Write a list of {"role": "user", "content": "…"}.', kind="without a turn"
        )
    messages = [_message(turn, number) for number, turn in enumerate(turns)]
    messages = _alternating(messages, repair)
    target = messages.pop()["content"] if messages[-1]["role"] == "assistant" else None
    if not any(message["role"] == "user" for message in messages):
        raise FaultError(
            "no turn of the user comes before the last turn.",
            "Begin with what the user says, or take the row out.",
            kind="in which the user says nothing before the last turn",
        )
    return messages, target


def until_answered(messages: list[dict[str, str]]) -> tuple[list[dict[str, str]], str | None]:
    """Give a conversation that ends with the user up to the last turn that was answered, and that answer.

    A conversation in which nothing was answered stays as it is, with None.
    """
    answers = [place for place, message in enumerate(messages) if message["role"] == "assistant"]
    for place in reversed(answers):
        if any(message["role"] == "user" for message in messages[:place]):
            return messages[:place], messages[place]["content"]
    return messages, None


def last_said(messages: list[dict[str, str]]) -> str:
    """Give what the user said last."""
    return next(message["content"] for message in reversed(messages) if message["role"] == "user")


def _message(turn: Any, number: int) -> dict[str, str]:
    if isinstance(turn, str):
        return {"role": ("user", "assistant")[number % 2], "content": turn}
    who = next((key for key in _WHO if isinstance(turn, Mapping) and key in turn), None)
    said = next((turn[key] for key in _WHAT if isinstance(turn, Mapping) and key in turn), None)
    if who is None or not isinstance(said, str):
        raise FaultError(
            f"turn {number + 1} does not say who speaks and what.",
            'Write it as {"role": "user", "content": "…"}.',
            kind="with a turn that does not say who speaks and what",
        )
    name = str(turn[who]).strip().lower()
    # Transcripts of dialogue systems call the assistant's side SYSTEM; chats call their instructions so.
    role = "assistant" if who == "speaker" and name == "system" else _SPEAKERS.get(name)
    if role is None:
        raise FaultError(
            f"turn {number + 1} is spoken by {turn[who]!r}.",
            "Speakers are user, assistant, system and tool.",
            kind="with a speaker who is not known",
        )
    return {"role": role, "content": said}


def _alternating(messages: list[dict[str, str]], repair: bool) -> list[dict[str, str]]:
    kept: list[dict[str, str]] = []
    for number, message in enumerate(messages, 1):
        again = bool(kept) and message["role"] == kept[-1]["role"] and message["role"] in ("user", "assistant")
        if again and not repair:
            raise FaultError(
                f"turns {number - 1} and {number} are both of the {message['role']}.",
                "Join them into one, or put the turn back that is missing between them.",
                kind=f"with two turns of the {message['role']} in a row",
            )
        if again:
            kept[-1] = {**message, "content": f"{kept[-1]['content']}\n{message['content']}"}
        else:
            kept.append(message)
    return kept
