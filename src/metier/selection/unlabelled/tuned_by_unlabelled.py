"""Fine-tuned encoders that learn from unlabelled items, too: pretrained on their texts, or held to consistent answers."""

from dataclasses import replace
from typing import Any, ClassVar

from pydantic import Field

from metier import catalogue
from metier.bases.base import Base
from metier.bases.known_bases import resolve_base
from metier.errors import SettingsError
from metier.progress import Listener
from metier.selection.unlabelled.taught import Taught, TaughtSettings
from metier.tasks.method_contract import Capabilities, CostRank
from metier.tasks.method_settings import with_settings
from metier.text.given_texts import text_of
from metier.text.language import detect_language

OF_ENCODERS = Capabilities(
    cost=CostRank.FINE_TUNED, needs_base=True, learns_from_unlabelled=True, trains_together=True
)


class PretrainingSettings(TaughtSettings):
    """What `DomainPretraining` can be set to."""

    passes: int = Field(2, ge=1, description="Passes over these texts; every pass masks other words.")
    masked_fraction: float = Field(0.3, gt=0, le=1, description="Share of the words that are masked.")
    whole_words: bool = Field(True, description="Whether all pieces of a word are masked together.")
    pretraining_rate: float | None = Field(
        None, gt=0, description="Peak learning rate of the pretraining; None: by the number of steps."
    )


@with_settings(PretrainingSettings)
class DomainPretraining(Taught):
    """Any fine-tuned encoder on a base with continued pretraining: masked words of the unlabelled texts [1]_.

    For a domain whose vocabulary the base hardly knows, with many thousand texts. Texts alone are learned here, so the
    unlabelled rows of every task will do. Its supervised counterpart is the encoder itself. The pretrained base is kept
    in the user's cache.

    References
    ----------
    .. [1] Gururangan et al., "Don't stop pretraining: adapt language models to domains and tasks", 2020,
       arXiv:2004.10964.
    """

    name = "domain_pretraining.v1"
    capabilities: ClassVar[Capabilities] = OF_ENCODERS
    passes: int
    masked_fraction: float
    whole_words: bool
    pretraining_rate: float | None

    def measure(self, X: Any, y: Any = None) -> Any:
        """Time a few real batches of the method, and count the passes over the unlabelled texts."""
        cost = self._plain().measure(X, y)
        n_rows = len(self.unlabelled or ()) * self.passes
        return replace(cost, seconds_before=cost.seconds_before + cost.seconds_per_row * n_rows)

    def _teach(
        self,
        settings: Any,
        items: list[Any],
        X: Any,
        y: Any,
        *,
        validation: tuple[Any, Any] | None,
        listener: Listener,
    ) -> tuple[Any, dict[str, Any]]:
        texts = list(dict.fromkeys(text_of(item) for item in items))
        if not texts:
            plain = self._plain()
            return plain.fit(X, y, validation=validation, listener=listener), {"pretraining": None}
        base: Base = resolve_base(self.base, language=detect_language(texts).main_language)
        way = catalogue.resolve_way("masked_pretraining")
        options = {
            "passes": self.passes,
            "masked_fraction": self.masked_fraction,
            "whole_words": self.whole_words,
            "learning_rate": self.pretraining_rate,
            "random_state": self.random_state,
        }
        learned, facts = way(base, texts, options, listener=listener)
        plain = self._plain(base=learned)
        return plain.fit(X, y, validation=validation, listener=listener), {"pretraining": facts}


class ConsistencySettings(TaughtSettings):
    """What `Consistency` can be set to."""

    most_items: int = Field(
        2000, ge=1, description="Most unlabelled items that are used; they are sampled evenly."
    )
    weight: float = Field(1.0, gt=0, description="Weight of the consistency loss beside the objective.")
    confidence: float = Field(
        0.5, ge=0, le=1, description="Least probability of a prediction that is a target."
    )
    sharpening: float = Field(0.4, gt=0, description="Temperature that sharpens the target, up to 1.")
    changed_fraction: float = Field(
        0.15, gt=0, le=1, description="Share of the words changed by the augmentation."
    )


@with_settings(ConsistencySettings)
class Consistency(Taught):
    """Any fine-tuned encoder with consistency training: an unlabelled item and its augmented version get the same answer
    [1]_.

    Texts are augmented by EDA; where words matter one by one (spans, pairs) typing errors are made, and marked entities
    stay as they are. Its supervised counterpart is the encoder itself. An epoch uses each item twice, so training time
    grows with their number; `most_items` limits it.

    References
    ----------
    .. [1] Xie et al., "Unsupervised data augmentation for consistency training", 2020, arXiv:1904.12848.
    """

    name = "consistency.v1"
    capabilities: ClassVar[Capabilities] = OF_ENCODERS
    most_items: int
    weight: float
    confidence: float
    sharpening: float
    changed_fraction: float

    def measure(self, X: Any, y: Any = None) -> Any:
        """Time a few real batches of the method, and count each item twice an epoch."""
        return self._taught(self._used(list(self.unlabelled or ()))).measure(X, y)

    def _teach(
        self,
        settings: Any,
        items: list[Any],
        X: Any,
        y: Any,
        *,
        validation: tuple[Any, Any] | None,
        listener: Listener,
    ) -> tuple[Any, dict[str, Any]]:
        taught = self._taught(self._used(items))
        return taught.fit(X, y, validation=validation, listener=listener), {}

    def _used(self, items: list[Any]) -> list[Any]:
        return items[:: max(1, -(-len(items) // self.most_items))]

    def _taught(self, items: list[Any]) -> Any:
        plain = self._plain()
        if not items:
            return plain
        build = catalogue.resolve_way("consistent_answers")
        taught = build(
            plain,
            items,
            weight=self.weight,
            confidence=self.confidence,
            sharpening=self.sharpening,
            changed_fraction=self.changed_fraction,
        )
        if taught is None:
            fault = f"method is {self.method!r}, expected an encoder that is fine-tuned with a head"
            raise SettingsError([fault], origin=f"The settings of {self.name}")
        return taught
