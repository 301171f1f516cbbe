"""A method that is asked texts, or marked entities, with the concepts of a knowledge graph: `with_knowledge.v1`."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

from metier.features.concepts import ConceptFinder
from metier.predictors.composite.members import member_folder
from metier.predictors.loading import Predictor, as_bundle_error, load_predictor, read_settings, write_settings
from metier.tasks.answer_batches import AnswerBatch, Answers
from metier.tasks.inputs.marked_text import as_entity_pairs
from metier.text.given_texts import as_texts

KIND = "with_knowledge.v1"
CONCEPTS_FILE = "concepts.json"


def with_knowledge(items: Sequence[Any], finder: ConceptFinder, *, of_pairs: bool) -> list[Any]:
    """Give texts with a word for each concept in them, or marked entities with their concepts as types."""
    if of_pairs:
        return [finder.with_types(item) for item in items]
    return [finder.with_concepts(text) for text in items]


class WithKnowledgePredictor:
    """Adds what a knowledge graph knows to what is asked, then asks a method. Safe to share between threads if it is.

    Parameters
    ----------
    member : Predictor
    finder : ConceptFinder
    of_pairs : bool
        Whether two marked entities are asked about, and not a text.
    name : str
        Versioned name of the method that left this predictor.
    """

    def __init__(self, *, member: Predictor, finder: ConceptFinder, of_pairs: bool, name: str):
        self.member, self.finder = member, finder
        self.of_pairs, self.name = of_pairs, name
        self.labels = tuple(member.labels)

    @classmethod
    def load(cls, folder: Path, *, threads: int = 1) -> Self:
        """Load what `fusion.with_knowledge` wrote; `threads` are those of the method."""
        settings = read_settings(folder)
        with as_bundle_error(folder, "does not hold a method with its concepts"):
            [stage] = settings["stages"]
            member = load_predictor(member_folder(folder, stage), threads=threads)
            finder = ConceptFinder.load(folder / CONCEPTS_FILE)
            return cls(member=member, finder=finder, of_pairs=bool(settings["of_pairs"]), name=settings["name"])

    def predict(self, items: Sequence[Any]) -> AnswerBatch:
        """Answer texts, or marked entities."""
        read = as_entity_pairs(items) if self.of_pairs else as_texts(items)
        answers = self.member.predict(with_knowledge(read, self.finder, of_pairs=self.of_pairs))
        assert isinstance(answers, Answers)
        return Answers(answers.probabilities, answers.labels, (self.name,) * len(answers))


def save_settings(folder: Path, *, name: str, labels: Sequence[str], stage: Any, of_pairs: bool) -> None:
    """Write `predictor.json` beside what `fusion.with_knowledge` put there."""
    write_settings(
        folder,
        {"kind": KIND, "name": name, "labels": list(labels), "stages": [stage], "of_pairs": of_pairs},
    )
