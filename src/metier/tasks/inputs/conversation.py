"""Input: a conversation up to the user's last message; a text is a conversation of one turn.

What writes is asked questions with their passages in the same list: an item is a text, a conversation or a question.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from metier.arguments import check_is_list
from metier.errors import DataError, EmptyDataError, quoted
from metier.tasks.inputs.kind import InputKind, parts_fault, shape_fault
from metier.tasks.inputs.question import SIDES, Question, as_questions
from metier.text.given_texts import OfTexts
from metier.text.offset_map import OffsetMap

if TYPE_CHECKING:  # What answers needs neither scikit-learn nor the rows' Arrow.
    from sklearn.utils import Tags

    from metier.data.rows import Rows

Item = str | Mapping[str, Any]
ROLES = ("system", "user", "assistant")


@dataclass(frozen=True)
class Conversation(InputKind):
    """Messages, the oldest first; an item is `{"messages": [{"role", "content"}, ...]}`, or a str."""

    name: ClassVar[str] = "conversation"
    keys: ClassVar[tuple[str, ...]] = ("messages",)
    optional_keys: ClassVar[tuple[str, ...]] = ("text",)
    noun: ClassVar[str] = "a conversation"
    roles: ClassVar[tuple[str, ...]] = ("messages",)
    parts: ClassVar[tuple[str, ...]] = ("messages",)

    @property
    def example(self) -> dict[str, Any]:
        """A question, answered once before the first caller's."""
        return {"messages": [{"role": "user", "content": "a text"}]}

    @property
    def chinese_example(self) -> dict[str, Any]:
        """A question in Chinese, answered once where a model reads it."""
        return {"messages": [{"role": "user", "content": "一段文本"}]}

    def read(self, X: Any, *, origin: str = "these rows") -> list[Item]:
        """Give the items of whatever `fit` or `predict` was handed; see `as_items`."""
        return as_items(X, origin=origin)

    def texts(self, items: Sequence[Item]) -> list[str]:
        """Give every text, and the messages of every conversation one after the other."""
        return [text for item in items for text in _texts_of(item)]

    def prompt_parts(self, item: Item) -> list[tuple[str, str]]:
        """Give the text, or each message under its role."""
        if isinstance(item, str):
            return [("text", item)]
        return [(message["role"], message["content"]) for message in item["messages"]]

    def with_texts(self, item: Item, change: Callable[[str], tuple[str, OffsetMap]]) -> tuple[Item, OffsetMap]:
        """Give a text or a conversation with its texts changed."""
        if isinstance(item, str):
            return change(item)
        messages = [{**message, "content": change(message["content"])[0]} for message in item["messages"]]
        return {**item, "messages": messages}, OffsetMap(())

    def shown(self, item: Item) -> list[str]:
        """Give the text, or each message with its role."""
        if isinstance(item, str):
            return [item]
        return [f"{turn['role']}: {turn['content']}" for turn in item["messages"]]

    def fault(self, item: Any) -> str | None:
        """Give what is wrong with the form of one question, in a sentence; None: nothing is."""
        if isinstance(item, str) or (isinstance(item, Mapping) and set(item) == {"text"}):
            return (
                None
                if isinstance(item, str) or isinstance(item["text"], str)
                else shape_fault("text", item["text"], "a text")
            )
        fault = parts_fault(item, self.keys)
        if fault is None and not _are_messages(item["messages"]):
            fault = shape_fault("messages", item["messages"], "a list of {role, content}")
        return fault

    def tags(self, tags: "Tags") -> "Tags":
        """Tell scikit-learn that `X` is a list of mappings."""
        tags.input_tags.string = True
        tags.input_tags.two_d_array = False
        tags.input_tags.dict = True
        return tags

    def from_rows(self, rows: "Rows") -> list[Item]:
        """Give the texts of rows, or their conversations as `{"messages": [...]}`."""
        if rows.roles.messages is None:
            return list(rows.texts)
        return [{"messages": messages} for messages in rows.values("messages")]


CONVERSATION = Conversation()


def as_items(X: Any, *, origin: str = "these rows") -> list[Item]:
    """Give items in their plain form: a text, `{"messages": [...]}`, or `{"question", "passage"}`.

    Parameters
    ----------
    X : sequence of str, of {"text": ...}, of {"messages": [...]} or of questions with passages; or Rows

    Raises
    ------
    EmptyDataError
        If there is nothing in it.
    DataError
        If an item is none of these, or a conversation that cannot be answered, or some are texts and some
        conversations.
    MissingSideError
        If a question has no passage, or a passage no question.
    """
    is_rows = isinstance(X, OfTexts)
    if is_rows:
        X = CONVERSATION.from_rows(X)
    check_is_list(X, "text")
    items = [_as_item(item, row, origin) for row, item in enumerate(X, start=1)]
    if not items:
        raise EmptyDataError("Expected at least one text or conversation, found none.")
    kinds = [_noun(item) for item in items]
    if len(set(kinds)) > 1:
        other = next(row for row, kind in enumerate(kinds, start=1) if kind != kinds[0])
        raise DataError(
            f"Row 1 of {origin} is a {kinds[0]}, row {other} a {kinds[other - 1]}. "
            "Give texts or conversations, not both."
        )
    return items


def last_words(item: Item) -> str:
    """Give the text of an item, the user's last message, or the passage of a question."""
    if isinstance(item, str):
        return item
    return str(item["passage"] if is_question(item) else item["messages"][-1]["content"])


def is_question(item: Item) -> bool:
    """Whether an item in its plain form is a question about a passage."""
    return not isinstance(item, str) and "passage" in item


def check_messages(messages: Any, *, row: int, origin: str = "these rows") -> None:
    """Refuse a conversation that cannot be answered.

    Parameters
    ----------
    row : int
        Number of the row, from 1 on, for the message.

    Raises
    ------
    DataError
        If a message has no known role or no text, two turns of one side follow one another, or the last turn is
        not the user's.
    """
    where = f"Row {row} of {origin}"
    if not isinstance(messages, Sequence) or isinstance(messages, str) or not messages:
        raise DataError(
            f"{where} has no messages. Give a list of {{'role': …, 'content': …}}, the oldest first."
        )
    before = "system"
    for number, message in enumerate(messages, start=1):
        fault = _turn_fault(message, before, is_first=number == 1)
        if fault:
            raise DataError(f"{where}, message {number}: {fault}")
        before = str(message["role"])
    if before != "user":
        raise DataError(
            f"{where} ends with the {before}, so there is nothing to reply to. "
            "End it with the user's message; the reply is the target."
        )


def _turn_fault(message: Any, before: str, *, is_first: bool) -> str | None:
    role = message.get("role") if isinstance(message, Mapping) else None
    if role not in ROLES or not isinstance(message.get("content"), str):
        return f"expected a role out of {', '.join(ROLES)} and a content, found {quoted(message)}. Correct the message."
    if role == "system":
        return None if is_first else "a system message after others. Put it first, or leave it out."
    if role == before:
        return f"two turns of the {role} in a row. Join them into one message, or add the missing turn between them."
    if role == "assistant" and before == "system":
        return "the assistant speaks first. Begin with what the user wrote."
    return None


def _are_messages(value: Any) -> bool:
    return (
        isinstance(value, Sequence)
        and not isinstance(value, str)
        and all(isinstance(turn, Mapping) and {"role", "content"} <= set(turn) for turn in value)
    )


def _as_item(item: Any, row: int, origin: str) -> Item:
    if isinstance(item, str):
        return item
    if isinstance(item, Mapping) and "messages" in item:
        check_messages(item["messages"], row=row, origin=origin)
        return {"messages": [dict(message) for message in item["messages"]]}
    if isinstance(item, Question) or (isinstance(item, Mapping) and set(SIDES) <= item.keys()):
        return as_questions([item], origin=origin)[0]._asdict()
    if isinstance(item, Mapping) and isinstance(item.get("text"), str):
        return str(item["text"])
    raise DataError(
        f"Row {row} of {origin}: expected a text, {{'text': …}} or {{'messages': […]}}, found {quoted(item)}. "
        "Correct the row."
    )


def _noun(item: Item) -> str:
    if isinstance(item, str):
        return "text"
    return "question" if is_question(item) else "conversation"


def _texts_of(item: Item) -> list[str]:
    if isinstance(item, str):
        return [item]
    if is_question(item):
        return [str(item[side]) for side in SIDES]
    return [message["content"] for message in item["messages"]]
