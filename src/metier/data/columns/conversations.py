"""Conversations: turns of user and assistant, up to the assistant's turn that is the target.

A turn may hold its text in parts, as OpenAI's format has them; a turn that calls tools and says nothing is the JSON of
these calls, as data sets of tool use write it.
"""

import json
from collections.abc import Mapping
from typing import Any

from metier.data.columns.spans import decode
from metier.data.columns.value_faults import FaultError

REPAIR = "joins consecutive turns of one speaker, and removes rows without a user turn"
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
    "function_call": "assistant",
    "tool_call": "assistant",
    "developer": "system",
}
_WHO = ("role", "from", "speaker")
_WHAT = ("content", "value", "text", "utterance")
_CALLS = ("tool_calls", "function_call")


def is_messages(value: Any) -> bool:
    """Whether a value has the shape of a conversation: a list of objects with a speaker and a text, or no turn."""
    turns = decode(value)
    return isinstance(turns, list) and all(
        isinstance(turn, Mapping)
        and any(key in turn for key in _WHO)
        and any(key in turn for key in (*_WHAT, *_CALLS))
        for turn in turns
    )


def is_turns(value: Any) -> bool:
    """Whether a value is a list of two or more texts in turn."""
    turns = decode(value)
    return isinstance(turns, list) and len(turns) > 1 and all(isinstance(turn, str) for turn in turns)


def parse_messages(value: Any, *, repair: bool = False) -> tuple[list[dict[str, str]], str | None]:
    """Give a conversation up to the user's last turn, and the assistant's turn after it (None if there is none).

    Plain texts alternate, the user first. Speakers are renamed to user, assistant, system and tool.

    Raises
    ------
    FaultError
        If the user or the assistant has two turns in a row, or there is nothing to answer.
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
            "there is no user turn before the last turn.",
            "Begin with a user turn, or remove the row.",
            kind="without a user turn before the last turn",
        )
    return messages, target


def until_answered(messages: list[dict[str, str]]) -> tuple[list[dict[str, str]], str | None]:
    """Cut a conversation that ends with the user after its last answered turn; gives the history and that answer.

    A conversation without an answer is unchanged, with None.
    """
    answers = [index for index, message in enumerate(messages) if message["role"] == "assistant"]
    for index in reversed(answers):
        if any(message["role"] == "user" for message in messages[:index]):
            return messages[:index], messages[index]["content"]
    return messages, None


def last_user_turn(messages: list[dict[str, str]]) -> str:
    """Give the last user turn."""
    return next(message["content"] for message in reversed(messages) if message["role"] == "user")


def speaker_of(turn: Mapping[str, Any]) -> str | None:
    """Give the role of a turn's speaker: user, assistant, system or tool; None where it is none of these."""
    who = next((key for key in _WHO if key in turn), None)
    if who is None:
        return None
    name = str(turn[who]).strip().lower()
    # In transcripts of dialogue systems SYSTEM is the assistant; in chats it is the instructions.
    return "assistant" if who == "speaker" and name == "system" else _SPEAKERS.get(name)


def text_of_turn(turn: Mapping[str, Any]) -> str | None:
    """Give what a turn says: its text, its parts of text joined, or the JSON of its calls; None where it says nothing.

    Raises
    ------
    FaultError
        If a part is not text.
    """
    content = next((turn[key] for key in _WHAT if key in turn), None)
    if isinstance(content, list):
        content = "\n".join(_part(part) for part in content)
    if not content and any(turn.get(key) for key in _CALLS):
        calls = turn.get("tool_calls") or [turn.get("function_call")]
        called = [call.get("function", call) if isinstance(call, Mapping) else call for call in calls]
        return json.dumps(called[0] if len(called) == 1 else called, ensure_ascii=False)
    return content if isinstance(content, str) else None


def _part(part: Any) -> str:
    text = part.get("text") if isinstance(part, Mapping) else part
    if not isinstance(text, str):
        kind = part.get("type") if isinstance(part, Mapping) else type(part).__name__
        raise FaultError(
            f"a turn has a part that is not text ({kind}).",
            "Leave the row out, or describe the part in words.",
            kind="with a part that is not text",
        )
    return text


def _message(turn: Any, number: int) -> dict[str, str]:
    if isinstance(turn, str):
        return {"role": ("user", "assistant")[number % 2], "content": turn}
    who = next((key for key in _WHO if isinstance(turn, Mapping) and key in turn), None)
    content = text_of_turn(turn) if isinstance(turn, Mapping) else None
    if who is None or content is None:
        raise FaultError(
            f"turn {number + 1} has no speaker or no text.",
            'Write it as {"role": "user", "content": "…"}.',
            kind="with a turn that has no speaker or no text",
        )
    role = speaker_of(turn)
    if role is None:
        raise FaultError(
            f"turn {number + 1} has the speaker {turn[who]!r}.",
            "Speakers are user, assistant, system and tool.",
            kind="with an unknown speaker",
        )
    return {"role": role, "content": content}


def _alternating(messages: list[dict[str, str]], repair: bool) -> list[dict[str, str]]:
    kept: list[dict[str, str]] = []
    for number, message in enumerate(messages, 1):
        again = bool(kept) and message["role"] == kept[-1]["role"] and message["role"] in ("user", "assistant")
        if again and not repair:
            raise FaultError(
                f"turns {number - 1} and {number} are both of the {message['role']}.",
                "Join them into one, or add the missing turn between them.",
                kind=f"with two turns of the {message['role']} in a row",
            )
        if again:
            kept[-1] = {**message, "content": f"{kept[-1]['content']}\n{message['content']}"}
        else:
            kept.append(message)
    return kept
