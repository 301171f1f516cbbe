"""What a writer may not write: listed words, and what a classifier finds harmful, are withheld before anyone reads them."""

import re
from collections.abc import Generator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from metier.bundles.loading import Bundle, load_bundle
from metier.errors import CallError, suggest
from metier.predictors.loading import Predictor
from metier.tasks.answer_batches import Answers, LabelSetAnswers, RecordAnswers
from metier.tasks.answers.written_text import WrittenText
from metier.tasks.task import Streams
from metier.text import has_han
from metier.text.harmful import Blocklist, read_blocklist

WITHHELD = "withheld"  # The field of a record that says why, or nothing.
NOTICE = {"en": "This answer is withheld.", "zh": "此回答已被拦截。"}
THRESHOLD = 0.5
_sentence_end = re.compile(r"[.!?。！？\n]+\s*")


@dataclass(frozen=True)
class OutputFilter:
    """Says why a text is withheld. Safe to share between threads.

    Parameters
    ----------
    words : Blocklist
    classifier : Bundle or None
        A model of labels for texts.
    labels : tuple of str
        Those of its labels that are harmful.
    threshold : float
        Probability from which on one of them counts, 0 to 1.
    """

    words: Blocklist
    classifier: Bundle | None = None
    labels: tuple[str, ...] = ()
    threshold: float = THRESHOLD

    def reasons(self, texts: Sequence[str]) -> list[str | None]:
        """Give for each text why it is withheld: `word: …` or `label: …`; None: it is not."""
        found = [self._word(text) for text in texts]
        open_rows = [row for row, reason in enumerate(found) if reason is None and texts[row].strip()]
        if self.classifier is None or not open_rows:
            return found
        answers = self.classifier.predict([texts[row] for row in open_rows])
        assert isinstance(answers, Answers | LabelSetAnswers)  # As `load_filter` checked.
        columns = [answers.labels.index(label) for label in self.labels]
        for place, row in enumerate(open_rows):
            best = max(columns, key=lambda column: float(answers.probabilities[place, column]))
            if answers.probabilities[place, best] >= self.threshold:
                found[row] = f"label: {answers.labels[best]}"
        return found

    def _word(self, text: str) -> str | None:
        places = self.words.find(text)
        return f"word: {text[slice(*places[0])]}" if places else None


def load_filter(
    *,
    words: Sequence[str | Path] = (),
    classifier: str | Path | None = None,
    labels: Sequence[str] = (),
    threshold: float = THRESHOLD,
    threads: int = 1,
) -> OutputFilter:
    """Load a filter.

    Parameters
    ----------
    words : sequence of path
        Lists of one term a line; none: our own, of English and Chinese.
    classifier : path, optional
        A run or bundle of labels for texts.
    labels : sequence of str
        Those of its labels that are harmful.

    Raises
    ------
    CallError
        If a list or a label is none, or the classifier does not label texts.
    """
    model = None if classifier is None else load_bundle(classifier, threads=threads)
    if (model is None) != (not labels):
        raise CallError(
            "A classifier of harmful texts and its labels go together: --filter-model names the one, --filter-labels the "
            "others."
        )
    if model is not None and (not model.labels or model.input_keys != ("text",)):
        raise CallError(
            f"What finds harmful texts has to be a model of labels for texts; {model.name} is of the task "
            f"{model.task.name}. Give another, or leave --filter-model out."
        )
    known = () if model is None else model.labels
    for label in labels:
        if label not in known:
            raise CallError(
                f"There is no label {label!r}.{suggest(label, known)} Known are {', '.join(known)}."
            )
    return OutputFilter(read_blocklist(words), model, tuple(labels), threshold)


def filtered(bundle: Bundle, output_filter: OutputFilter) -> Bundle:
    """Give a bundle whose texts pass a filter; its records say under `withheld` why a text is not shown.

    Raises
    ------
    CallError
        If the bundle does not write.
    """
    if not isinstance(bundle.answer_kind, WrittenText):
        raise CallError(
            f"{bundle.name} answers the task {bundle.task.name} and writes no text of its own, so there is nothing to "
            "filter. Leave --filter out."
        )
    kind = FilteredStreams if isinstance(bundle.predictor, Streams) else Filtered
    return replace(bundle, predictor=kind(bundle.predictor, output_filter))


class Filtered:
    """A predictor whose texts are judged before they are given."""

    def __init__(self, inner: Predictor, output_filter: OutputFilter):
        self.name, self.labels = inner.name, inner.labels
        self.inner, self.output_filter = inner, output_filter

    @classmethod
    def load(cls, folder: Path, *, threads: int = 1) -> "Filtered":
        """Filters are put around a loaded predictor, and never stored."""
        raise CallError(f"{folder} holds no filter: a filter is made anew wherever a bundle is loaded.")

    def predict(self, items: Sequence[Any], /) -> RecordAnswers:
        """Answer, and withhold what is harmful."""
        answers = self.inner.predict(items)
        assert isinstance(answers, RecordAnswers)  # As all that write give.
        texts = [str(text) for text in answers.predicted]
        reasons = self.output_filter.reasons(texts)
        shown = [_notice(text) if reason else text for text, reason in zip(texts, reasons, strict=True)]
        records = [
            {**record, "text": text, WITHHELD: reason}
            for record, text, reason in zip(answers.records, shown, reasons, strict=True)
        ]
        return replace(answers, predicted=shown, records=records)


class FilteredStreams(Filtered):
    """The same where a text is streamed: a sentence is given once it and all before it have passed."""

    def stream(self, item: Any) -> Generator[str]:
        """Write the answer to one item sentence by sentence; it ends where something is withheld."""
        assert isinstance(self.inner, Streams)
        given, waiting = "", ""
        pieces = self.inner.stream(item)
        try:
            for piece in pieces:
                waiting += piece
                ends = list(_sentence_end.finditer(waiting))
                if not ends:
                    continue
                whole, waiting = waiting[: ends[-1].end()], waiting[ends[-1].end() :]
                if self.output_filter.reasons([given + whole])[0]:
                    yield _gap(whole) + _notice(whole)
                    return
                given += whole
                yield whole
        finally:
            pieces.close()
        if waiting:
            is_withheld = self.output_filter.reasons([given + waiting])[0]
            yield _gap(waiting) + _notice(waiting) if is_withheld else waiting


def _gap(text: str) -> str:
    return text[: len(text) - len(text.lstrip())]


def _notice(text: str) -> str:
    return NOTICE["zh" if has_han(text) else "en"]
