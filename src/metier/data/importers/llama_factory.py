"""LLaMA-Factory's two shapes of JSON: alpaca (instruction, input, output) and sharegpt (conversations)."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from metier.data.columns.conversations import speaker_of, text_of_turn
from metier.data.columns.value_faults import FaultError
from metier.data.importers.documents import objects_of
from metier.data.importers.imported import Imported, beside, item_error

_ALPACA = ("instruction", "input", "output", "system", "history")


def is_alpaca(item: Mapping[str, Any]) -> bool:
    """Whether an object has an instruction and an output."""
    return isinstance(item.get("instruction"), str) and "output" in item


def is_sharegpt(item: Mapping[str, Any]) -> bool:
    """Whether an object has turns with speakers."""
    turns = _turns(item)
    keys = ("from", "role")
    return isinstance(turns, list) and all(
        isinstance(turn, Mapping) and any(map(turn.get, keys)) for turn in turns
    )


def import_alpaca(path: Path) -> Imported:
    """Read instructions and outputs, as conversations where some have a system text or a history.

    Raises
    ------
    UnreadableFileError
        If an item has no instruction or no output.
    """
    imported = Imported("LLaMA-Factory alpaca JSON", ())
    items = objects_of(path)
    is_dialogue = any(item.get("system") or item.get("history") for _, item in items)
    records = []
    for number, item in items:
        instruction, written = item.get("instruction"), item.get("output")
        if not isinstance(instruction, str) or not isinstance(written, str):
            missing = "instruction" if not isinstance(instruction, str) else "output"
            raise item_error(
                str(path),
                number,
                f"it has no {missing}.",
                'Expected {"instruction": "…", "input": "…", "output": "…"}.',
            )
        if not written.strip():
            imported.leave_out("items with an empty output", number)
            continue
        # As in LLaMA-Factory: the input on the line below the instruction.
        question = "\n".join(part for part in (instruction, item.get("input")) if part)
        given = {"messages": _history(path, number, item, question)} if is_dialogue else {"text": question}
        records.append(given | {"target": written} | beside(item, but=_ALPACA))
    return imported.put(records)


def _history(path: Path, number: int, item: Mapping[str, Any], question: str) -> list[dict[str, str]]:
    messages = [_message("system", item["system"])] if item.get("system") else []
    for turn in item.get("history") or ():
        if not (isinstance(turn, list) and len(turn) == 2 and all(isinstance(part, str) for part in turn)):
            raise item_error(
                str(path),
                number,
                f"{turn!r:.60} is not a turn of its history.",
                'Expected ["user turn", "assistant turn"].',
            )
        messages += [_message("user", turn[0]), _message("assistant", turn[1])]
    return [*messages, _message("user", question)]


def import_sharegpt(path: Path) -> Imported:
    """Read whole conversations; reading splits off the last answer as the target.

    What cannot be converted is left out and counted: conversations without a turn or an answer, with a turn without text,
    with a part that is not text.

    Raises
    ------
    UnreadableFileError
        If an item has no list of turns, or a turn an unknown speaker.
    """
    imported = Imported("LLaMA-Factory sharegpt JSON", ())
    records = []
    for number, item in objects_of(path):
        turns = _turns(item)
        if not isinstance(turns, list):
            raise item_error(str(path), number, "it has no conversations.", "Expected a list of turns.")
        for index, turn in enumerate(turns, 1):
            if isinstance(turn, Mapping) and speaker_of(turn) is None:
                who = turn.get("from", turn.get("role"))
                found = f"turn {index} has the speaker {who!r}."
                raise item_error(str(path), number, found, "Speakers are user, assistant, system and tool.")
        try:
            messages = _messages(turns)
        except FaultError as fault:
            imported.leave_out(f"conversations {fault.kind}", number)
            continue
        if item.get("system"):
            messages.insert(0, _message("system", str(item["system"])))
        if item.get("tools"):
            imported.leave_out("descriptions of tools", number)
        but = ("conversations", "messages", "system", "tools")
        records.append({"messages": messages} | beside(item, but=but))
    return imported.put(records)


def _messages(turns: list[Any]) -> list[dict[str, str]]:
    """Give the turns by our names; raises `FaultError` for a conversation that cannot be learned from."""
    messages = [_turn(index, turn) for index, turn in enumerate(turns, 1)]
    if not messages:
        raise FaultError("there is no turn.", "Remove it.", kind="without a turn")
    answers = [message["content"] for message in messages if message["role"] == "assistant"]
    if not answers:
        raise FaultError("nobody answers.", "Remove it.", kind="without an assistant turn")
    if messages[-1]["role"] == "assistant" and not answers[-1].strip():
        raise FaultError("the last answer is empty.", "Remove it.", kind="with an empty last answer")
    return messages


def _turns(item: Mapping[str, Any]) -> Any:
    return item.get("conversations", item.get("messages"))


def _turn(index: int, turn: Any) -> dict[str, str]:
    role = speaker_of(turn) if isinstance(turn, Mapping) else None
    content = text_of_turn(turn) if isinstance(turn, Mapping) else None
    if role is None or content is None:
        raise FaultError(f"turn {index} has no text.", "Remove it.", kind="with a turn without text")
    return _message(role, content)


def _message(role: str, content: str) -> dict[str, str]:
    return {"role": role, "content": content}
