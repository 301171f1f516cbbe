"""Messages answered by the bundles of a watch: topic, sentiment, entities; each with the version that answered."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

from metier.bundles import Bundle, load_bundle, resolve_bundle
from metier.bundles.manifest import read_manifest
from metier.errors import CallError, MetierError
from metier.monitoring.answers import Answered, AnswersOfOne, Unanswered, values_of
from metier.monitoring.companies import Companies
from metier.registry.fingerprint import fingerprint_of
from metier.tasks.answer_batches import DIGITS, AnswerBatch, Answers

VERSION_DIGITS = 12
LABEL_KEYS = ("label", "relation")


class Answerer:
    """The bundles that answer each message, by their names in the settings.

    Parameters
    ----------
    bundles : mapping of str to Bundle
        Each answers a text.
    companies : Companies or None
        Names under which the spans of bundles are counted.

    Raises
    ------
    CallError
        If a bundle asks for more than a text.
    """

    def __init__(self, bundles: Mapping[str, Bundle], *, companies: Companies | None = None):
        for name, bundle in bundles.items():
            if bundle.input_keys != ("text",):
                raise CallError(
                    f"The bundle {name} ({bundle.name}) asks for {', '.join(bundle.input_keys)}, and a message has a text "
                    "alone. Name a model of labels, label sets or spans that answers a text."
                )
        self._bundles = dict(bundles)
        self._companies = companies
        self.versions = {name: version_of(bundle) for name, bundle in bundles.items()}

    @classmethod
    def loaded(cls, paths: Mapping[str, Path], *, threads: int = 1, companies: Companies | None = None) -> Self:
        """Load bundles, or the best of runs; raises as `load_bundle` does."""
        bundles = {name: load_bundle(path, threads=threads) for name, path in paths.items()}
        return cls(bundles, companies=companies)

    def answer(self, texts: Sequence[str], *, names: Sequence[str] | None = None) -> list[AnswersOfOne]:
        """Give what each bundle, or each of some names, answers of each text.

        Where a bundle fails on a batch, it is asked text by text; a text that it cannot answer is `Unanswered`.
        """
        if not texts:
            return []
        asked = self._bundles if names is None else {name: self._bundles[name] for name in names}
        by_bundle = {name: self._answers_of(bundle, texts) for name, bundle in asked.items()}
        return [{name: found[row] for name, found in by_bundle.items()} for row in range(len(texts))]

    def _answers_of(self, bundle: Bundle, texts: Sequence[str]) -> list[Answered | Unanswered]:
        try:
            return self._read(bundle.predict(list(texts)))
        except (MetierError, ValueError, RuntimeError, MemoryError) as error:
            if len(texts) == 1:
                return [Unanswered(f"{bundle.name} cannot answer it: {error}")]
            return [found for text in texts for found in self._answers_of(bundle, [text])]

    def _read(self, batch: AnswerBatch) -> list[Answered | Unanswered]:
        if type(batch) is Answers:
            return _labels_of(batch)
        return [self._answered(batch.record(row)) for row in range(len(batch))]

    def _answered(self, record: Mapping[str, Any]) -> Answered:
        values = values_of(record)
        if self._companies is not None and "spans" in record:
            values = self._companies.named([span["text"] for span in record["spans"]])
        label = next((str(record[key]) for key in LABEL_KEYS if record.get(key) is not None), None)
        return Answered(
            values,
            label,
            record.get("probability"),
            record.get("out_of_scope"),
            None
            if label is not None
            else {key: value for key, value in record.items() if key != "answered_by"},
        )


def _labels_of(batch: Answers) -> list[Answered | Unanswered]:
    """Give the answers of the commonest kind, without a record of each."""
    labels, confidences = batch.predicted, batch.probabilities.max(axis=1).round(DIGITS).tolist()
    return [Answered((label,), label, sure) for label, sure in zip(labels, confidences, strict=True)]


def version_of(bundle: Bundle) -> str:
    """Give the first digits of what tells the files of a bundle apart."""
    return fingerprint_of(bundle.manifest)[:VERSION_DIGITS]


def version_at(path: Path) -> str:
    """Give the version of a bundle, or of the best one of a run, without loading it."""
    return fingerprint_of(read_manifest(resolve_bundle(path)))[:VERSION_DIGITS]
