"""Personal data, masked before the model reads it; what the answers say of places in the text is of the caller's text.

Whatever finds pieces of a text finds them in the masked one, so their offsets are mapped back, and the pieces are those of
the text that was sent. An end inside of what was masked moves to the far end of it.
"""

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, replace
from threading import Lock
from typing import Any

from metier.bundles import Bundle
from metier.tasks.answer_batches import AnswerBatch, RecordAnswers, SeveralAnswers
from metier.tasks.inputs import check_items
from metier.tasks.inputs.question import Question
from metier.text.personal_data import Masked, find_personal_data, masked

OF_TEXT = ("passage", "text")  # The part of a question in which an answer points to places.
POINTING = ("head", "tail")  # Parts of a question that are places in its text.
PIECES = ("text", "answer")  # Fields of a record that hold what stands between `start` and `end`.


@dataclass(frozen=True)
class Covered:
    """A question without its personal data.

    Parameters
    ----------
    item : Any
        As the model takes it.
    text : str or None
        The text in which answers point to places, as it was sent; None: there is none.
    masked : Masked or None
        The same without personal data.
    """

    item: Any
    text: str | None = None
    masked: Masked | None = None


class MaskedItems:
    """How many pieces of personal data were masked since somebody took the count. Safe to share between threads."""

    def __init__(self) -> None:
        self._n, self._lock = 0, Lock()

    def add(self, n: int) -> None:
        """Count some more."""
        with self._lock:
            self._n += n

    def take(self) -> int:
        """Give the count, and begin anew."""
        if not self._n:
            return 0
        with self._lock:
            n, self._n = self._n, 0
        return n


MASKED_ITEMS = MaskedItems()  # Of this process; whatever answers is called in threads that know no service.


def covered(item: Any) -> Covered:
    """Mask every text of a question; images and recordings stay as they are."""
    if isinstance(item, str):
        found = masked(item)
        MASKED_ITEMS.add(len(found.found))
        return Covered(found.text, item, found)
    parts = item._asdict() if isinstance(item, Question) else dict(item) if isinstance(item, Mapping) else {}
    key = next((key for key in OF_TEXT if isinstance(parts.get(key), str)), None)
    if key is None:
        return Covered(_covered_part(item))
    found = masked(parts[key])
    own = {
        name: _moved_place(value, found) if name in POINTING else _covered_part(value)
        for name, value in parts.items()
    }
    own[key] = found.text
    return Covered(Question(**own) if isinstance(item, Question) else own, parts[key], found)


def uncovered(answers: AnswerBatch, asked: Sequence[Covered]) -> AnswerBatch:
    """Give answers whose places are those of the texts as they were sent."""
    if isinstance(answers, SeveralAnswers):
        return replace(answers, parts={task: uncovered(part, asked) for task, part in answers.parts.items()})
    if not isinstance(answers, RecordAnswers):
        return answers
    records = [_moved_record(record, one) for record, one in zip(answers.records, asked, strict=True)]
    pairs = zip(answers.predicted, answers.records, records, strict=True)
    return replace(answers, records=records, predicted=[_predicted(*pair) for pair in pairs])


@dataclass(frozen=True)
class MaskedBundle(Bundle):
    """A bundle whose predictor reads no personal data of a text."""

    def predict(self, items: Sequence[Any]) -> AnswerBatch:
        """Answer as a bundle does, with the personal data of each question masked."""
        asked = [covered(item) for item in self.heard(check_items(items, self.input_kind))]
        return uncovered(self.answered([one.item for one in asked]), asked)

    def stream(self, item: Any) -> Generator[str]:
        """Stream the answer to one item, with its personal data masked."""
        [heard] = self.heard(check_items([item], self.input_kind))
        return super().stream(covered(heard).item)


def masked_bundle(bundle: Bundle) -> Bundle:
    """Give a bundle that masks what it is asked."""
    return MaskedBundle(bundle.folder, bundle.manifest, bundle.predictor, bundle.threads, bundle.scope)


def has_personal_data(text: str) -> bool:
    """Whether personal data stands in a text."""
    return bool(find_personal_data(text))


def _covered_part(value: Any) -> Any:
    if isinstance(value, str):
        found = masked(value)
        MASKED_ITEMS.add(len(found.found))
        return found.text
    if isinstance(value, Mapping):
        return {key: _covered_part(one) for key, one in value.items()}
    if isinstance(value, tuple):
        return tuple(_covered_part(one) for one in value)
    return [_covered_part(one) for one in value] if isinstance(value, list) else value


def _moved_place(value: Any, found: Masked) -> Any:
    return list(found.offsets.after((value[0], value[1]))) if isinstance(value, Sequence) else value


def _moved_record(value: Any, asked: Covered) -> Any:
    """Give a record, or a part of one, with its places in the text that was sent."""
    if isinstance(value, list):
        return [_moved_record(one, asked) for one in value]
    if not isinstance(value, Mapping):
        return value
    moved = {key: _moved_record(one, asked) for key, one in value.items()}
    if asked.masked is None or asked.text is None or not _is_place(value):
        return moved
    start, end = asked.masked.offsets.before((value["start"], value["end"]))
    pieces = {key: asked.text[start:end] for key in PIECES if isinstance(value.get(key), str)}
    return {**moved, "start": start, "end": end, **pieces}


def _is_place(value: Mapping[str, Any]) -> bool:
    return isinstance(value.get("start"), int) and isinstance(value.get("end"), int)


def _predicted(predicted: Any, before: Mapping[str, Any], after: Mapping[str, Any]) -> Any:
    """Give what a row is answered with in short, from its record."""
    if isinstance(predicted, str):
        return after["answer"] if _is_place(before) and "answer" in after else predicted
    spans = after.get("spans")
    if isinstance(predicted, list) and isinstance(spans, list) and len(spans) == len(predicted):
        return [[span["start"], span["end"], span["label"]] for span in spans]
    return predicted
