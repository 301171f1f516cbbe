"""A bundle that remembers: what a conversation was about stands in a store, and comes back by the rule of the context.

A question names its conversation, and holds the new messages alone; the turns before come from the store. Once the
reply is written, the user's turn and the reply are kept together. Who knows the name of a conversation goes on with it,
so names have to be hard to guess where callers are not one another's friends.
"""

from collections.abc import Generator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol, runtime_checkable

from metier.bundles.loading import Bundle
from metier.dialogue.memory.context_rule import DEFAULT_RULE, WORDS, ContextRule, build_context, words_of
from metier.dialogue.memory.conversation_store import ConversationStore
from metier.errors import CallError, WrongTypeError
from metier.predictors.loading import Predictor
from metier.tasks.answer_batches import RecordAnswers, one_batch
from metier.tasks.answers.written_text import WrittenText
from metier.tasks.inputs.conversation import Conversation, as_items, check_messages
from metier.tasks.inputs.kind import InputKind
from metier.tasks.task import Streams

NAME, SUBJECT = "conversation", "subject"
RESERVED = 96  # Tokens of the context for the instruction and the template around the turns.


@runtime_checkable
class CountsTokens(Protocol):
    """What states how many tokens it reads."""

    @property
    def context_tokens(self) -> int:
        """Most tokens of a prompt."""
        ...

    def count_tokens(self, text: str) -> int:
        """Give how many tokens a text has."""
        ...


@dataclass(frozen=True)
class RememberedConversation(Conversation):
    """Messages that go on with a conversation which the service remembers."""

    optional_keys: ClassVar[tuple[str, ...]] = ("text", NAME, SUBJECT)

    def fault(self, item: Any) -> str | None:
        """Give what is wrong with the form of one question, in a sentence; None: nothing is."""
        if not isinstance(item, Mapping):
            return super().fault(item)
        for key in (NAME, SUBJECT):
            if key in item and not (isinstance(item[key], str) and item[key].strip()):
                return f"{key!r} is empty, or no text. Give a name, or leave it out."
        return super().fault({key: value for key, value in item.items() if key not in (NAME, SUBJECT)})


REMEMBERED = RememberedConversation()


class Remembering:
    """A predictor that writes, with a memory. Safe to share between threads.

    Parameters
    ----------
    inner : Predictor
    store : ConversationStore
    rule : ContextRule
    """

    def __init__(self, inner: Predictor, store: ConversationStore, rule: ContextRule = DEFAULT_RULE):
        self.name, self.labels = inner.name, inner.labels
        self.inner, self.store, self.rule = inner, store, rule

    @classmethod
    def load(cls, folder: Any, *, threads: int = 1) -> "Remembering":
        """A memory is put around a loaded predictor, and never stored with it."""
        raise CallError(f"{folder} holds no memory: a memory is made anew wherever a bundle is loaded.")

    def predict(self, items: Sequence[Any], /) -> RecordAnswers:
        """Answer, going on with the conversations that items name."""
        if not any(_is_remembered(item) for item in items):
            answers: RecordAnswers = self.inner.predict(items)  # type: ignore[assignment]  # As all that write give.
            return answers
        batches = [self._one(item) for item in items]
        joined: RecordAnswers = one_batch(batches)
        return joined

    def recalled(self, item: Mapping[str, Any]) -> dict[str, Any]:
        """Give the item that the inner predictor is asked: the turns before with the new ones, within the context."""
        messages = self._whole(item)
        room, cost = self._room()
        found = build_context(messages, room=room, cost=cost, rule=self.rule)
        return {"messages": found.messages}

    def _one(self, item: Any) -> RecordAnswers:
        if not _is_remembered(item):
            plain: RecordAnswers = self.inner.predict([item])  # type: ignore[assignment]  # As all that write give.
            return plain
        answers: RecordAnswers = self.inner.predict([self.recalled(item)])  # type: ignore[assignment]  # As above.
        self._keep(item, str(answers.predicted[0]))
        return answers

    def _keep(self, item: Mapping[str, Any], reply: str) -> None:
        """Keep what was new, and the reply to it."""
        _, new = self._stored_and_new(item)
        turns = [turn for turn in new if turn["role"] != "system"]
        self.store.append(
            item[NAME], [*turns, {"role": "assistant", "content": reply}], subject=item.get(SUBJECT)
        )

    def _whole(self, item: Mapping[str, Any]) -> list[dict[str, str]]:
        stored, new = self._stored_and_new(item)
        system = [turn for turn in new if turn["role"] == "system"]
        whole = [*system, *stored, *(turn for turn in new if turn["role"] != "system")]
        check_messages(whole, row=1, origin="the conversation")
        return whole

    def _stored_and_new(self, item: Mapping[str, Any]) -> tuple[list[dict[str, str]], list[dict[str, str]]]:
        """The turns that are remembered, and those of the item behind the last that is: a caller may repeat them."""
        stored, given = self.store.turns(item[NAME]), _messages(item)
        turns = [turn for turn in given if turn["role"] != "system"]
        kept = [self.store.kept(turn) for turn in turns]
        for shared in range(min(len(stored), len(turns) - 1), 0, -1):
            if stored[-shared:] == kept[:shared]:
                system = [turn for turn in given if turn["role"] == "system"]
                return stored, [*system, *turns[shared:]]
        return stored, given

    def _room(self) -> tuple[int, Any]:
        inner = self.inner
        is_counting = isinstance(inner, CountsTokens)
        most = inner.context_tokens - RESERVED if isinstance(inner, CountsTokens) else WORDS
        cost = inner.count_tokens if isinstance(inner, CountsTokens) else words_of
        stated = self.rule.context_tokens
        room = most if stated is None else min(stated, most) if is_counting else stated
        return max(room, 32), cost


class RememberingStreams(Remembering):
    """The same where replies are streamed; what was broken off is not kept."""

    def stream(self, item: Any) -> Generator[str]:
        """Write the reply to one item piece by piece."""
        assert isinstance(self.inner, Streams)
        is_remembered = _is_remembered(item)
        reply = ""
        with closing(self.inner.stream(self.recalled(item) if is_remembered else item)) as pieces:
            for piece in pieces:
                reply += piece
                yield piece
        if is_remembered:
            self._keep(item, reply)


@dataclass(frozen=True)
class RememberingBundle(Bundle):
    """A bundle that is asked with the name of a conversation."""

    @property
    def input_kind(self) -> InputKind:
        """The form of its questions: messages, and the name of the conversation that they go on with."""
        return REMEMBERED


def remembering(
    bundle: Bundle, store: ConversationStore, rule: ContextRule = DEFAULT_RULE
) -> RememberingBundle:
    """Give a bundle with a memory.

    Raises
    ------
    CallError
        If the bundle does not reply to conversations.
    """
    if not isinstance(bundle.answer_kind, WrittenText) or "passage" in bundle.input_keys:
        raise CallError(
            f"{bundle.name} answers the task {bundle.task.name} and replies to no conversation, so there is nothing to "
            "remember. Leave --memory out."
        )
    kind = RememberingStreams if isinstance(bundle.predictor, Streams) else Remembering
    parts = {name: value for name, value in vars(bundle).items() if name in Bundle.__dataclass_fields__}
    return RememberingBundle(**{**parts, "predictor": kind(bundle.predictor, store, rule)})


def _is_remembered(item: Any) -> bool:
    return isinstance(item, Mapping) and NAME in item


def _messages(item: Mapping[str, Any]) -> list[dict[str, str]]:
    plain = {key: value for key, value in item.items() if key not in (NAME, SUBJECT)}
    if "messages" in plain:
        messages = plain["messages"]
        if not isinstance(messages, Sequence) or isinstance(messages, str) or not messages:
            raise WrongTypeError("'messages' is empty, or no list. Give the new messages of the conversation.")
        return [{"role": str(turn["role"]), "content": str(turn["content"])} for turn in messages]
    return [{"role": "user", "content": str(as_items([plain])[0])}]
