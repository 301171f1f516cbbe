"""A generative base on this machine that is asked about any task: `torch_asked.v1`.

One label is scored, as the likelihood of each label after the question and its examples; everything else is written and
then read strictly, as the reply of an endpoint is.
"""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Self

import numpy as np
import transformers

from metier.bases.base import GenerativeBase
from metier.bases.generative_bases import (
    load_codec,
    load_language_model,
    resolve_generative_base,
    working_dtype,
)
from metier.bases.huggingface_folder import quiet_transformers
from metier.evaluation.softmax import softmax
from metier.predictors.loading import read_settings, write_settings
from metier.predictors.text.chat_client import Message, Reply
from metier.predictors.text.decoding import DecodingSettings
from metier.predictors.text.example_choice import EXAMPLES_FILE, ExamplePool
from metier.predictors.text.prompting import Prompts, PromptSettings
from metier.predictors.text.questions import AskedReply, Questions, QuestionSettings
from metier.tasks.answer_batches import AnswerBatch, Answers
from metier.tasks.answers import ANSWERS
from metier.tasks.answers.asking import Trust
from metier.transformer.generation.generation_examples import prompt_settings
from metier.transformer.generation.label_likelihood import PLACE, LabelLikelihood
from metier.transformer.generation.torch_generation import TorchGenerationPredictor

KIND = "torch_asked.v1"
HUGGING_FACE_FOLDER = "huggingface"
MARKS_OF_A_MESSAGE = 12  # Tokens around a message, at most, in templates that are known.


class LocalChat:
    """A base that replies to messages, the likeliest token each time.

    Parameters
    ----------
    base : GenerativeBase
    model : PreTrainedModel
        In evaluation mode.
    most_tokens : int
        Of a reply.
    has_lines : bool
        Whether a reply may have several lines; else it ends with its first: a small base goes on with questions of its
        own.
    """

    def __init__(self, base: GenerativeBase, model: Any, *, most_tokens: int, has_lines: bool):
        with quiet_transformers():
            tokenizer = transformers.AutoTokenizer.from_pretrained(
                base.folder, local_files_only=True, trust_remote_code=False
            )
        self._codec = load_codec(base.folder)
        room = max(base.max_length - most_tokens, base.max_length // 2)
        prompt = prompt_settings(base, tokenizer, kind="reply", room=room, instruction="", language="en")
        self._prompts = Prompts(PromptSettings(**vars(prompt)), self._codec)
        settings = {
            "name": "chat",
            "prompt": vars(prompt),
            "decoding": asdict(DecodingSettings(most_tokens)),
        }
        self._writer = TorchGenerationPredictor(model, self._codec, settings)
        self._has_lines = has_lines
        self._room = room

    def ask(self, messages: Sequence[Message]) -> Reply:
        """Give the reply to a conversation; of one that is too long the first examples are left out."""
        item = {"messages": [dict(message) for message in self._fitting(messages)]}
        text = self._writer.predict([item]).predicted[0]
        if not self._has_lines:
            text = text.strip().partition("\n")[0]
        n_asked = sum(map(len, self._prompts.build(item)))
        return Reply(text, n_asked, len(self._codec.encode(text)))

    def _fitting(self, messages: Sequence[Message]) -> list[Message]:
        """Leave out the first examples, question and answer together, as long as the whole does not fit."""
        kept = list(messages)
        while len(kept) > 2 and sum(map(self._cost, kept)) > self._room:
            del kept[1:3]
        return kept

    def _cost(self, message: Message) -> int:
        return len(self._codec.encode(message["content"])) + MARKS_OF_A_MESSAGE


class TorchAskedPredictor:
    """A base that is asked about items. Safe to share between threads.

    Parameters
    ----------
    base : GenerativeBase
    questions : Questions
    trust : Trust
    temperature : float
        Of the softmax over the scores of labels.
    name : str
    model : PreTrainedModel, optional
        Of the base, where it is loaded already.
    """

    def __init__(
        self,
        base: GenerativeBase,
        questions: Questions,
        *,
        trust: Trust,
        temperature: float,
        name: str,
        model: Any = None,
    ):
        self.base = base
        self.questions = questions
        self.trust = trust
        self.name = name
        self.labels = questions.about.labels
        self.temperature = temperature
        self.model = model or load_language_model(base, dtype=working_dtype(base))
        self.is_scored = ANSWERS[questions.settings.answer].is_one_label
        asking, about = questions.asking, questions.about
        if self.is_scored:
            self._likelihood = LabelLikelihood(
                self.model,
                load_codec(base.folder),
                described=[about.descriptions.get(label) or _as_words(label) for label in self.labels],
                template=f"{PLACE}\n\n{asking.cue(about)}",
                most_tokens=base.max_length,
                most_text_tokens=questions.settings.most_prompt_tokens,
            )
        else:
            self._chat = LocalChat(base, self.model, most_tokens=asking.most_tokens, has_lines=asking.has_lines)

    def scores(self, items: Sequence[Any]) -> np.ndarray:
        """Give the scores of labels, an ndarray of shape (n_items, n_labels); at least one checked item."""
        return self._likelihood.scores([self.questions.prompt(item) for item in items])

    def ask(self, items: Sequence[Any]) -> list[AskedReply]:
        """Ask about checked items, one after the other, and read the replies."""
        return [self.questions.ask(self._chat, item) for item in items]

    def predict(self, items: Sequence[Any]) -> AnswerBatch:
        """Answer items, one after the other."""
        read = self.questions.input.read(items) if len(items) else []
        if not self.is_scored:
            return self.questions.answers(read, self.ask(read), self.trust, self.name)
        if not len(read):
            return Answers(np.empty((0, len(self.labels))), self.labels, ())
        return Answers(softmax(self.scores(read) / self.temperature), self.labels, (self.name,) * len(read))

    def save(self, folder: Path) -> None:
        """Write what is asked beside the base."""
        if self.questions.pool is not None:
            self.questions.pool.save(folder)
        write_settings(
            folder,
            {
                "kind": KIND,
                "name": self.name,
                "labels": list(self.labels),
                "questions": self.questions.facts(),
                "trust": asdict(self.trust),
                "temperature": self.temperature,
            },
        )

    @classmethod
    def load(cls, folder: Path, *, threads: int = 1) -> Self:
        """Load what `save` wrote; torch counts its threads by itself, for the whole process."""
        settings = read_settings(folder)
        pool = ExamplePool.load(folder) if (folder / EXAMPLES_FILE).is_file() else None
        stored = settings["trust"]
        return cls(
            resolve_generative_base(str(folder / HUGGING_FACE_FOLDER)),
            Questions(QuestionSettings.of(settings["questions"]), pool),
            trust=Trust(**{**stored, "shares": tuple(stored["shares"])}),
            temperature=settings["temperature"],
            name=settings["name"],
        )


def _as_words(label: str) -> str:
    return " ".join(label.replace("_", " ").split()) or label
