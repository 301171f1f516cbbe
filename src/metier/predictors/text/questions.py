"""Questions to a model that writes: instructions, examples and an item as messages, and the strict reading of replies.

What is asked and how a reply is read comes from the kinds of the task (`InputKind.prompt_parts`, `AnswerKind.asking`);
who is asked is whatever takes messages: an endpoint, or a base on this machine. A reply that is no answer is asked about
once more, then the row has no answer.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Protocol, Self

from metier.predictors.text.chat_client import Message, Reply
from metier.predictors.text.example_choice import Example, ExamplePool, token_estimate
from metier.tasks.answer_batches import AnswerBatch
from metier.tasks.answers import ANSWERS
from metier.tasks.answers.asking import About, Asking, Parsed, Trust
from metier.tasks.inputs import INPUTS
from metier.text.offset_map import OffsetMap
from metier.text.personal_data import masked

MOST_CHARACTERS = 8_000  # Of a part of an item; of a longer one both ends are shown.
MOST_QUESTIONS = 2  # A reply that is no answer is asked about once more.
CUT = "\n[…]\n"
SMALLEST_ROOM = 64  # Tokens for an example.


class Chat(Protocol):
    """Who is asked."""

    def ask(self, messages: Sequence[Message]) -> Reply:
        """Give the reply to a conversation."""
        ...


@dataclass(frozen=True)
class QuestionSettings:
    """What is asked, and how; JSON.

    Parameters
    ----------
    input, answer : str
        Kinds, as `INPUTS` and `ANSWERS` have them.
    about : About
    n_examples : int
        Training rows that stand before the item.
    most_prompt_tokens : int
        Of instructions, examples and item together, as they are estimated; what does not fit of the examples is left out.
    mask : bool
        Whether personal data is masked before a text is shown.
    """

    input: str = "text"
    answer: str = "label"
    about: About = field(default_factory=About)
    n_examples: int = 0
    most_prompt_tokens: int = 4_000
    mask: bool = False

    @classmethod
    def of(cls, settings: Mapping[str, Any]) -> Self:
        """Read them back from JSON."""
        about = {**settings["about"], "labels": tuple(settings["about"]["labels"])}
        return cls(**{**settings, "about": About(**about)})


@dataclass(frozen=True)
class Asked:
    """An item as it was asked about.

    Parameters
    ----------
    item : Any
        As it was shown: perhaps without its personal data.
    offsets : OffsetMap
        From the item's text to the one that was shown.
    messages : list of Message
    n_examples, example_tokens : int
        Examples that were shown, and about how many tokens they took.
    """

    item: Any
    offsets: OffsetMap
    messages: list[Message]
    n_examples: int
    example_tokens: int


@dataclass(frozen=True)
class AskedReply:
    """The reply of a model to one item.

    Parameters
    ----------
    parsed : Parsed or None
        None where it was no answer, even when asked again.
    prompt_tokens, reply_tokens : int
        Of all questions about the item.
    n_examples, example_tokens : int
        As in `Asked`.
    """

    parsed: Parsed | None
    prompt_tokens: int
    reply_tokens: int
    n_examples: int = 0
    example_tokens: int = 0


class Questions:
    """Asks about items. Safe to share between threads.

    Parameters
    ----------
    settings : QuestionSettings
    pool : ExamplePool, optional
        What examples are chosen from.
    """

    def __init__(self, settings: QuestionSettings, pool: ExamplePool | None = None):
        self.settings = settings
        self.pool = pool
        self.input = INPUTS[settings.input]
        self.about = settings.about
        asking = ANSWERS[settings.answer].asking
        assert asking is not None
        self.asking: Asking = asking
        self._instructions = self.asking.instructions(self.about)

    def example(self, item: Any, target: Any) -> Example:
        """Give a training row as a prompt shows it."""
        shown, offsets = self._shown(item)
        if self.asking.copies_texts:
            written = self.asking.written(target, item)
            written = _masked(written)[0] if self.settings.mask else written
        else:
            written = self.asking.written(self.asking.moved(target, offsets.after), shown)
        return Example(self._question(shown), written, self._words(shown))

    def fits(self, example: Example) -> bool:
        """Whether an example has room beside the instructions and a short item."""
        return (
            example.tokens + token_estimate(self._instructions) + SMALLEST_ROOM
            <= self.settings.most_prompt_tokens
        )

    def build(self, item: Any) -> Asked:
        """Give the messages that ask about a checked item."""
        shown, offsets = self._shown(item)
        question = self._question(shown)
        room = self.settings.most_prompt_tokens - token_estimate(self._instructions) - token_estimate(question)
        chosen: list[Example] = []
        if self.pool is not None:
            chosen = self.pool.choose(self._words(shown), self.settings.n_examples, room=room)
        messages: list[Message] = [{"role": "system", "content": self._instructions}]
        for one in chosen:
            messages += [{"role": "user", "content": one.asked}, {"role": "assistant", "content": one.answered}]
        messages.append({"role": "user", "content": question})
        return Asked(shown, offsets, messages, len(chosen), sum(one.tokens for one in chosen))

    def prompt(self, item: Any) -> str:
        """Give a checked item and its examples as one text that the answer goes on with, but for the cue at its end."""
        contents = [message["content"] for message in self.build(item).messages[1:]]
        shown = [f"{asked} {answered}" for asked, answered in zip(contents[:-1:2], contents[1::2], strict=True)]
        return "\n\n".join([*shown, contents[-1].removesuffix(self.asking.cue(self.about)).rstrip()])

    def ask(self, chat: Chat, item: Any) -> AskedReply:
        """Ask about a checked item, and once more where the reply is no answer."""
        asked = self.build(item)
        messages: list[Message] = list(asked.messages)
        prompt_tokens = reply_tokens = 0
        parsed: Parsed | None = None
        for _ in range(MOST_QUESTIONS):
            reply = chat.ask(messages)
            prompt_tokens += reply.prompt_tokens
            reply_tokens += reply.reply_tokens
            parsed = self.asking.parsed(reply.text, asked.item, self.about)
            if parsed is not None:
                parsed = replace(parsed, value=self.asking.moved(parsed.value, asked.offsets.before))
                break
            reminder = self.asking.reminder(self.about)
            messages = [
                *messages,
                {"role": "assistant", "content": reply.text},
                {"role": "user", "content": reminder},
            ]
        return AskedReply(parsed, prompt_tokens, reply_tokens, asked.n_examples, asked.example_tokens)

    def answers(
        self, items: Sequence[Any], replies: Sequence[AskedReply], trust: Trust, name: str
    ) -> AnswerBatch:
        """Give the answers of a method to checked items."""
        return self.asking.answers(items, [each.parsed for each in replies], self.about, trust, name)

    def facts(self) -> dict[str, Any]:
        """Give the settings as JSON."""
        return asdict(self.settings)

    def _shown(self, item: Any) -> tuple[Any, OffsetMap]:
        if not self.settings.mask:
            return item, OffsetMap(())
        return self.input.with_texts(item, _masked)

    def _question(self, item: Any) -> str:
        parts = [_marked(name, text) for name, text in self.input.prompt_parts(item)]
        return "\n".join(parts) + f"\n\n{self.asking.cue(self.about)}"

    def _words(self, item: Any) -> str:
        return "\n".join(text for _, text in self.input.prompt_parts(item))


def _marked(name: str, text: str) -> str:
    if len(text) > MOST_CHARACTERS:
        half = MOST_CHARACTERS // 2
        text = text[:half] + CUT + text[-half:]
    # The text must not contain the closing mark.
    inside = text.replace(f"</{name}>", f"<\\/{name}>").encode("utf-8", "replace").decode("utf-8")
    return f"<{name}>\n{inside}\n</{name}>"


def _masked(text: str) -> tuple[str, OffsetMap]:
    found = masked(text)
    return found.text, found.offsets
