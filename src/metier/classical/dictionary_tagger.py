"""The baseline of NER: phrases that were entities in training are marked again."""

from collections import Counter, defaultdict
from typing import Any, ClassVar, Self

from pydantic import Field

from metier.features.gazetteer import Gazetteer, most_frequent_label, phrase_key
from metier.predictors.text.dictionary_tagger import DictionaryTaggerPredictor
from metier.progress import Listener, ignore
from metier.tasks.answers.spans import SPANS
from metier.tasks.estimators import SpanMethod
from metier.tasks.examples import Examples
from metier.tasks.method_contract import Capabilities
from metier.tasks.method_settings import MethodSettings, with_settings
from metier.text.given_texts import as_texts
from metier.text.tokens import token_offsets


class DictionaryTaggerSettings(MethodSettings):
    """Settings of a memory for spans."""

    least_precision: float = Field(
        0.5,
        ge=0,
        le=1,
        description="A phrase is kept if it is a span at least so often where it stands in the training texts, 0 to 1.",
    )


@with_settings(DictionaryTaggerSettings)
class DictionaryTagger(SpanMethod):
    """Finds the entities of the training texts again, the longest first: the baseline.

    Attributes
    ----------
    labels_ : tuple of str
    chosen_params_ : dict
        Empty: there is nothing to choose.
    """

    name = "dictionary_tagger.v1"
    capabilities: ClassVar[Capabilities] = Capabilities()

    def fit(
        self, X: Any, y: Any, *, validation: tuple[Any, Any] | None = None, listener: Listener = ignore
    ) -> Self:
        """Remember the spans. `validation` and `listener` are not needed; every method takes them."""
        self.Settings.of(self)
        examples = SPANS.check(as_texts(X), y)
        self.labels_ = examples.label_names
        phrases = Gazetteer(
            {
                phrase: most_frequent_label(labels)
                for phrase, labels in entity_labels(examples).items()
                if phrase
            }
        )
        right, seen = _count(phrases, examples)
        # As if each phrase had been seen twice more, right once: one sight is no certainty.
        self.predictor_ = DictionaryTaggerPredictor(
            phrases=Gazetteer(
                {
                    phrase: label
                    for phrase, label in phrases.labels.items()
                    if right[phrase] >= self.least_precision * max(seen[phrase], 1)
                }
            ),
            probabilities={phrase: (right[phrase] + 1) / (seen[phrase] + 2) for phrase in phrases.labels},
            labels=self.labels_,
            name=self.name,
        )
        self.chosen_params_: dict[str, Any] = {}
        self.facts_ = {"phrases": len(self.predictor_.phrases)}
        return self


def entity_labels(examples: Examples) -> dict[str, Counter[str]]:
    """Give the phrases that were spans, and how often with which label."""
    labels: dict[str, Counter[str]] = defaultdict(Counter)
    for text, spans in zip(examples.items, examples.truth, strict=True):
        for start, end, label in spans:
            labels[phrase_key(text[start:end])][label] += 1
    return labels


def _count(phrases: Gazetteer, examples: Examples) -> tuple[Counter[str], Counter[str]]:
    """How often each phrase is right where it is found in the texts, and how often it is found."""
    right: Counter[str] = Counter()
    seen: Counter[str] = Counter()
    for text, spans in zip(examples.items, examples.truth, strict=True):
        true = {tuple(span) for span in spans}
        offsets = token_offsets(text)
        for match in phrases.matches([text[start:end].lower() for start, end in offsets]):
            seen[match.phrase] += 1
            place = (offsets[match.first][0], offsets[match.stop - 1][1], match.label)
            right[match.phrase] += place in true
    return right, seen
