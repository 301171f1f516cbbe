"""A text that is generated for each row."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, ClassVar, Self

from metier.errors import DataError
from metier.tasks.answer_batches import RecordAnswers
from metier.tasks.answers.asked_texts import WRITING_ASKING
from metier.tasks.answers.asking import Asking
from metier.tasks.answers.kind import AnswerKind, RecordFields, Words
from metier.tasks.examples import Examples

Target = str | list[str]


@dataclass(frozen=True)
class TextDecoder:
    """Texts as they were written."""

    labels: tuple[str, ...] = ()

    def answer(self, logits: Sequence[str], name: str) -> RecordAnswers:
        """Give written texts in the name of a method."""
        return RecordAnswers(list(logits), [{"text": text} for text in logits], (name,) * len(logits))

    def settings(self) -> dict[str, Any]:
        """Give what `predictor.json` keeps."""
        return {"labels": []}

    @classmethod
    def of(cls, settings: Mapping[str, Any]) -> Self:
        """Read what `settings` gave."""
        return cls()

    @property
    def chosen(self) -> dict[str, Any]:
        """What validation chose: nothing."""
        return {}


@dataclass(frozen=True)
class WrittenText(AnswerKind):
    """A text a row; the truth is a list of str, or of lists of str where several texts are right."""

    name: ClassVar[str] = "written_text"
    asking: ClassVar[Asking | None] = WRITING_ASKING
    why_not: ClassVar[Mapping[str, str]] = MappingProxyType(
        {
            "few_shot": "Few-shot methods learn from the names of labels, and a written text has none.",
            "zero_shot": "There are no labels that could be described.",
            "self_training": "The likelihood of a text falls with every token, so the surest texts are the shortest: it "
            "says nothing of which are right.",
            "consistency": "Two texts that say the same share no tokens one to one, so there are no two distributions to "
            "compare.",
            "weak_labels": "A rule gives one of a few labels, and a text that is written is none.",
            "distillation": "Texts cannot be averaged, so there is no ensemble of writers that could teach one.",
            "soup": "Each mixture of weights would have to write all validation texts again to be compared.",
        }
    )
    losses: ClassVar[tuple[str, ...]] = ("next_token",)
    role: ClassVar[str | None] = "target"
    words: ClassVar[Words] = Words("text-generation", "Generates a text for {item}.")
    record: ClassVar[RecordFields] = {"text": (str, "Where the answer is a generated text.")}

    def check(
        self, items: Sequence[Any], y: Any, *, known: Examples | None = None, origin: str = "these rows"
    ) -> Examples:
        """Give the texts that items are to be answered with.

        Raises
        ------
        ValueError
            If there is not one target for each item.
        DataError
            If a row has no text to learn from.
        """
        if y is None or isinstance(y, str):
            raise ValueError("Expected one target text for each item, in a list. Give it as y.")
        targets = list(y)
        if len(items) != len(targets):
            raise ValueError(
                f"Expected one target for each item, found {len(items)} items and {len(targets)} targets."
            )
        for row, target in enumerate(map(_first, targets), start=1):
            if not isinstance(target, str) or not target.strip():
                raise DataError(
                    f"Row {row} of {origin} has no text as its target, but {target!r:.60}. "
                    "Write it, or leave the row out."
                )
        return Examples(items, targets)

    def training_targets(self, examples: Examples) -> list[str]:
        """Give the text that is learned for each row: the first of the right ones."""
        return [str(_first(target)) for target in examples.truth]

    def read_decoder(self, settings: Mapping[str, Any]) -> TextDecoder:
        """Read a decoder from `predictor.json`."""
        return TextDecoder.of(settings)

    def is_right(self, target: Any, predicted: Any) -> bool:
        """Whether it is one of the right texts, word for word."""
        return predicted in (target if isinstance(target, list) else [target])

    def shown(self, record: Mapping[str, Any]) -> str:
        """Give the text."""
        return str(record["text"])


WRITTEN_TEXT = WrittenText()


def _first(target: Any) -> Any:
    return target[0] if isinstance(target, list) and target else target
