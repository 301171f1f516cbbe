"""A tagger whose spans are linked to the concepts of a knowledge graph: `linked_spans.v1`."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

from metier.features.concept_linking import ConceptLinker, Mention
from metier.predictors.composite.members import member_folder
from metier.predictors.loading import Predictor, as_bundle_error, load_predictor, read_settings
from metier.tasks.answer_batches import DIGITS, RecordAnswers

KIND = "linked_spans.v1"
CONCEPTS_FILE = "concepts.json"


class LinkedSpansPredictor:
    """Marks spans by a tagger and says which concept each means. Safe to share between threads if the tagger is.

    Parameters
    ----------
    tagger : Predictor
    linker : ConceptLinker
    name : str
        Versioned name of the method that left this predictor.
    """

    def __init__(self, *, tagger: Predictor, linker: ConceptLinker, name: str):
        self.tagger, self.linker, self.name = tagger, linker, name
        self.labels = tuple(tagger.labels)

    @classmethod
    def load(cls, folder: Path, *, threads: int = 1) -> Self:
        """Load what `fusion.linked_spans.export_linked` wrote; `threads` are those of the tagger."""
        settings = read_settings(folder)
        with as_bundle_error(folder, "does not hold a tagger with its concepts"):
            [stage] = settings["stages"]
            tagger = load_predictor(member_folder(folder, stage), threads=threads)
            return cls(tagger=tagger, linker=ConceptLinker.load(folder / CONCEPTS_FILE), name=settings["name"])

    def predict(self, texts: Sequence[str]) -> RecordAnswers:
        """Find the spans of texts; a record's spans have `concept`, `concept_name` and `concept_score` besides.

        A span that means no concept has None for the first two.
        """
        found = self.tagger.predict(texts)
        records = []
        for row, text in enumerate(texts):
            record = {key: value for key, value in found.record(row).items() if key != "answered_by"}
            record["spans"] = [self._linked(text, span) for span in record["spans"]]
            records.append(record)
        return RecordAnswers(list(found.predicted), records, (self.name,) * len(records))

    def _linked(self, text: str, span: dict[str, Any]) -> dict[str, Any]:
        return {**span, **linked_facts(self.linker, Mention(text, span["start"], span["end"]))}


def linked_facts(linker: ConceptLinker, mention: Mention) -> dict[str, Any]:
    """Give what a linker says of a mention, as a record has it."""
    linked = linker.link(mention)
    return {
        "concept": linked.concept,
        "concept_name": None if linked.concept is None else linker.called(linked.concept),
        "concept_score": round(linked.score, DIGITS),
    }
