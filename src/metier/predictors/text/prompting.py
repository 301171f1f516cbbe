"""From a text or a conversation to the tokens that a generative model reads, in training and in answering alike.

A chat template (Jinja, as Hugging Face folders bring it) says how turns are marked. It is filled with place-holders, and
the turns are cut into tokens by themselves: marks that somebody types into a message ("<|im_end|>") are text, never
an instruction. What does not fit is dealt with by one rule for each kind of text:

- reply: the newest turns whole, of the older ones the lines most like the last message (`tasks.dialogue_history`);
- summary: the sentences that the others are most like, in their order (`predictors.text.extracted_sentences`);
- translation: pieces of whole sentences, each translated by itself, joined again;
- text: as replies; code: its last lines; answer: the sentences of the passage that are most like the question.

A base without a chat template gets `PLAIN_TEMPLATE`; an encoder-decoder reads the text as it stands.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

from jinja2 import TemplateError
from jinja2.sandbox import ImmutableSandboxedEnvironment
from tokenizers import Tokenizer

from metier.errors import BundleError
from metier.features.sentence_ranks import gap_between, join_sentences, shorten
from metier.tasks.dialogue_history import NOTES, fit_history, fit_lines, fit_passage
from metier.tasks.inputs.conversation import Item, is_question
from metier.tasks.text_kinds import TEXT_KINDS
from metier.text import has_han
from metier.text.normalisation import replace_surrogates
from metier.text.segmentation import split_sentences

PLAIN_TEMPLATE = (
    "{% for message in messages %}### {{ message['role'] | capitalize }}:\n{{ message['content'] }}\n\n"
    "{% endfor %}{% if add_generation_prompt %}### Assistant:\n{% endif %}"
)
ENCODER_TEMPLATE = (
    "{% for message in messages %}{% if messages | length > 1 and message['role'] != 'system' %}"
    "{{ message['role'] }}: {% endif %}{{ message['content'] }}{% if not loop.last %}\n{% endif %}{% endfor %}"
)
# Where the content of a message stands in a filled template: private characters that no tokenizer knows.
_place = re.compile("\ue000(\\d+)\ue001")
_private = re.compile("[\ue000\ue001]")
SMALLEST_ROOM = 32  # Tokens for the text itself; less would not be reading.
LONGEST_PIECE = 300  # Characters of a sentence where pieces of a text are chosen.


class Codec(Protocol):
    """From text to token ids and back."""

    def encode(self, text: str) -> list[int]:
        """Give the ids of what a person wrote."""
        ...

    def encode_marks(self, text: str) -> list[int]:
        """Give the ids of a template's own text, in which special tokens are meant."""
        ...

    def encode_target(self, text: str) -> list[int]:
        """Give the ids of a text to be written, which may have a vocabulary of its own."""
        ...

    def decode(self, ids: Sequence[int]) -> str:
        """Give the text of ids, without special tokens."""
        ...


class FileCodec:
    """The codec of a `tokenizer.json`, by the `tokenizers` package alone. Safe to share between threads.

    Raises
    ------
    BundleError
        If the file is missing or broken.
    """

    def __init__(self, path: Path):
        try:
            text = path.read_text(encoding="utf-8")
            self._written, self._marks = Tokenizer.from_str(text), Tokenizer.from_str(text)
        except Exception as error:  # `tokenizers` raises bare Exception.
            raise BundleError(
                f"{path} is not a tokenizer ({error}). Take the folder from its source again."
            ) from None
        for tokenizer in (self._written, self._marks):
            tokenizer.no_padding()
            tokenizer.no_truncation()
        self._written.encode_special_tokens = True

    def encode(self, text: str) -> list[int]:
        """Give the ids of what a person wrote; special tokens in it are plain characters."""
        ids: list[int] = self._written.encode(replace_surrogates(text), add_special_tokens=False).ids
        return ids

    def encode_marks(self, text: str) -> list[int]:
        """Give the ids of a template's own text, in which special tokens are meant."""
        ids: list[int] = self._marks.encode(text, add_special_tokens=False).ids
        return ids

    def encode_target(self, text: str) -> list[int]:
        """Give the ids of a text to be written: there is one vocabulary."""
        return self.encode(text)

    def tokenizer_text(self) -> str:
        """Give the text of the file: which bytes each token stands for is read from it."""
        text: str = self._written.to_str()
        return text

    def decode(self, ids: Sequence[int]) -> str:
        """Give the text of ids, without special tokens."""
        text: str = self._marks.decode(list(ids), skip_special_tokens=True)
        return text


@dataclass(frozen=True)
class PromptSettings:
    """How items become prompts; JSON.

    Parameters
    ----------
    kind : str
        As `TEXT_KINDS` names it; picks the rule for what does not fit.
    instruction : str
        The system message, unless a conversation brings its own; empty for none.
    template : str
        Jinja; it sees `messages`, `add_generation_prompt`, `bos_token` and `eos_token`.
    room : int
        Most tokens of a prompt.
    before, after : tuple of int
        Token ids put around the whole: what the tokenizer adds to every text.
    """

    kind: str
    instruction: str
    template: str
    room: int
    before: tuple[int, ...] = ()
    after: tuple[int, ...] = ()
    bos_token: str = ""
    eos_token: str = ""

    @classmethod
    def of(cls, settings: Mapping[str, Any]) -> "PromptSettings":
        """Read them back from JSON."""
        lists = {"before": tuple(settings["before"]), "after": tuple(settings["after"])}
        return cls(**{**settings, **lists})


class Prompts:
    """Builds prompts. Safe to share between threads.

    Parameters
    ----------
    settings : PromptSettings
    codec : Codec
    """

    def __init__(self, settings: PromptSettings, codec: Codec):
        self.settings = settings
        self.codec = codec
        self._kind = TEXT_KINDS[settings.kind]
        environment = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True)
        environment.globals["raise_exception"] = _refuse
        self._template = environment.from_string(settings.template)

    def build(self, item: Item) -> list[list[int]]:
        """Give the prompts of an item, each of token ids: one, or several for a long text to translate."""
        if not isinstance(item, str):
            is_asked = is_question(item)
            return [self._of_question(item) if is_asked else self._of_conversation(item["messages"])]
        if self._kind.shortening == "pieces":
            return [self._of_text(piece) for piece in self._pieces(item)]
        return [self._of_text(item)]

    def decode(self, ids: Sequence[int]) -> str:
        """Give the text of the tokens of an answer, without the white space around it unless that means something."""
        text = self.codec.decode(ids)
        return text if self._kind.is_verbatim else text.strip()

    def join(self, answers: Sequence[str]) -> str:
        """Put the answers to the prompts of one item together."""
        return answers[0] if len(answers) == 1 else join_sentences(answers)

    def join_streams(self, answers: Iterable[Iterable[str]]) -> Iterator[str]:
        """Do what `join` does with answers that come piece by piece."""
        written = ""
        for pieces in answers:
            before = written
            for piece in pieces:
                gap = gap_between(before, piece) if written is before else ""
                written += gap + piece
                yield gap + piece

    @cached_property
    def text_room(self) -> int:
        """Tokens that a template and its instruction leave to the text."""
        return max(self.settings.room - len(self._ids(self._with_instruction(""))), SMALLEST_ROOM)

    @cached_property
    def _has_system(self) -> bool:
        """Whether the template knows system messages; some refuse them."""
        try:
            self.filled([{"role": "system", "content": ""}, {"role": "user", "content": ""}])
        except TemplateError:
            return False
        return True

    def _of_text(self, text: str) -> list[int]:
        if self._kind.shortening == "newest":
            return self._of_conversation([{"role": "user", "content": text}])
        if self._kind.shortening == "central":
            text = shorten(text, room=self.text_room, cost=self._cost)
        elif self._kind.shortening == "lines":
            text = fit_lines(text, room=self.text_room, cost=self._cost)
        return self._ids(self._with_instruction(text))

    def _of_question(self, item: Mapping[str, str]) -> list[int]:
        """Give the passage, or what of it is most like the question, and the question below it."""
        asked = ("问题：" if has_han(item["question"]) else "Question: ") + item["question"]
        room = max(self.text_room - self._cost(f"\n\n{asked}"), SMALLEST_ROOM)
        passage = fit_passage(item["passage"], item["question"], room=room, cost=self._cost)
        return self._ids(self._with_instruction(f"{passage}\n\n{asked}"))

    def _of_conversation(self, messages: Sequence[Mapping[str, str]]) -> list[int]:
        instruction = self.settings.instruction
        if instruction and messages[0]["role"] != "system":
            messages = [{"role": "system", "content": instruction}, *messages]
        elif instruction and messages[0]["content"].startswith(NOTES):
            told = {"role": "system", "content": f"{instruction}\n\n{messages[0]['content']}"}
            messages = [told, *messages[1:]]
        empty = [{"role": "user", "content": ""}]
        room = self.settings.room - len(self._ids(empty))
        shown, _ = fit_history(messages, room=max(room, SMALLEST_ROOM), cost=self._cost)
        return self._ids(shown)

    def _with_instruction(self, text: str) -> list[dict[str, str]]:
        asked = {"role": "user", "content": text}
        instruction = self.settings.instruction
        return [{"role": "system", "content": instruction}, asked] if instruction else [asked]

    def _pieces(self, text: str) -> list[str]:
        if self._cost(text) <= self.text_room:
            return [text]
        pieces: list[list[str]] = [[]]
        used = 0
        sentences = (
            part for sentence in split_sentences(text, longest=LONGEST_PIECE) for part in self._halves(sentence)
        )
        for sentence in sentences:
            cost = self._cost(sentence) + 1
            if pieces[-1] and used + cost > self.text_room:
                pieces.append([])
                used = 0
            pieces[-1].append(sentence)
            used += cost
        return [join_sentences(piece) for piece in pieces]

    def _halves(self, sentence: str) -> list[str]:
        """Cut what fits into no prompt: a paste, or signs of many tokens each."""
        if self._cost(sentence) < self.text_room or len(sentence) < 2:
            return [sentence]
        middle = len(sentence) // 2
        return self._halves(sentence[:middle]) + self._halves(sentence[middle:])

    def _cost(self, text: str) -> int:
        return len(self.codec.encode(text))

    def _ids(self, messages: Sequence[Mapping[str, str]]) -> list[int]:
        if messages[0]["role"] == "system" and not self._has_system:
            first = dict(messages[1])
            first["content"] = "\n\n".join([messages[0]["content"], first["content"]])
            messages = [first, *messages[2:]]
        contents = [_private.sub("", message["content"]) for message in messages]
        places = [
            {"role": message["role"], "content": f"\ue000{number}\ue001"}
            for number, message in enumerate(messages)
        ]
        ids = list(self.settings.before)
        for position, part in enumerate(_place.split(self.filled(places))):
            # `split` with one group alternates: the template's text, the number of a message, …
            ids += self.codec.encode(contents[int(part)]) if position % 2 else self.codec.encode_marks(part)
        return [*ids, *self.settings.after]

    def filled(self, messages: Sequence[Mapping[str, str]]) -> str:
        """Give the text of a template with messages in it."""
        return self._template.render(
            messages=messages,
            add_generation_prompt=True,
            bos_token=self.settings.bos_token,
            eos_token=self.settings.eos_token,
        )


def _refuse(message: str) -> None:
    raise TemplateError(message)
