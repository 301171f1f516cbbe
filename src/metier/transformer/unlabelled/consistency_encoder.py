"""The encoder that also learns to answer unlabelled texts alike, however they are put."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, ClassVar

from metier.bases.known_bases import load_tokenizer
from metier.errors import SettingsError
from metier.features.tokenization import token_ids
from metier.tasks.method_contract import Capabilities, CostRank
from metier.training.batching import TokenisedRows
from metier.training.inherited_settings import with_settings_of
from metier.training.objectives import Objective
from metier.training.training_cost import Cost
from metier.transformer.tuned.encoder import Encoder
from metier.transformer.unlabelled.consistency import ConsistencyRows, consistency, other_versions
from metier.transformer.unlabelled.word_neighbours import word_neighbours


@with_settings_of(Encoder)
class ConsistencyEncoder(Encoder):
    """`Encoder` that meets its own answer to an unlabelled text when the text is put differently [1]_.

    The other version comes from EDA: words swapped, dropped, put in, replaced by near ones. Its supervised counterpart is
    `encoder.v1`, and without unlabelled texts it is the same. An epoch reads each unlabelled text twice, so it takes
    longer by their number; `most_texts` bounds that. It minimises cross-entropy and the divergence only: `objective` and
    `class_weights` of the encoder have no say here.

    Parameters
    ----------
    unlabelled : sequence of str, default=None
        Texts of the same kind without labels.
    most_texts : int, default=2000
        Unlabelled texts that are used at most, evenly of all.
    consistency_weight : float, default=1.0
        Of the divergence of the two answers beside the cross-entropy.
    confidence : float, default=0.5
        Least probability, 0 to 1, of an answer that is to be met.
    sharpening : float, default=0.4
        Temperature of that answer, above 0 to 1.
    changed_fraction : float, default=0.15
        Share of the words that are changed.
    settings : see `Encoder`

    References
    ----------
    .. [1] Xie et al., "Unsupervised data augmentation for consistency training", 2020, arXiv:1904.12848.
    """

    name = "consistency_encoder.v1"
    capabilities: ClassVar[Capabilities] = Capabilities(
        cost=CostRank.FINE_TUNED,
        baseline="encoder.v1",
        needs_base=True,
        learns_from_unlabelled=True,
        takes_adaptation=True,
        takes_objective=True,
        takes_soft_labels=True,
        trains_together=True,
    )

    def __init__(
        self,
        *,
        unlabelled: Sequence[str] | None = None,
        most_texts: int = 2000,
        consistency_weight: float = 1.0,
        confidence: float = 0.5,
        sharpening: float = 0.4,
        changed_fraction: float = 0.15,
        **settings: Any,
    ):
        super().__init__(**settings)
        self.unlabelled = unlabelled
        self.most_texts = most_texts
        self.consistency_weight = consistency_weight
        self.confidence = confidence
        self.sharpening = sharpening
        self.changed_fraction = changed_fraction

    def measure(self, X: Any, y: Any = None, *, n_batches: int = 3) -> Cost:
        """Say what an epoch costs with the unlabelled texts, each read twice."""
        cost = super().measure(X, y, n_batches=n_batches)
        seconds = cost.seconds_per_row * 2 * len(self._used())
        return replace(cost, seconds_per_epoch=cost.seconds_per_epoch + seconds)

    def _learned(self, rows: TokenisedRows) -> tuple[TokenisedRows, Objective]:
        self._check()
        texts = self._used()
        if not texts:
            return super()._learned(rows)
        originals, others = other_versions(
            texts,
            synonyms=word_neighbours(self.base_, texts),
            fraction=self.changed_fraction,
            random_state=self.random_state,
        )
        tokenizer = load_tokenizer(self.base_)
        ids = [token_ids(tokenizer, part, prefix=self.base_.prefix) for part in (originals, others)]
        objective = consistency(
            weight=self.consistency_weight,
            confidence=self.confidence,
            temperature=self.sharpening,
            label_smoothing=self.label_smoothing,
        )
        return ConsistencyRows.of(rows, *ids), objective

    def _used(self) -> list[str]:
        texts = list(self.unlabelled or ())
        return texts[:: max(1, -(-len(texts) // self.most_texts))]

    def _check(self) -> None:
        faults = []
        if self.most_texts < 1:
            faults.append(f"most_texts is {self.most_texts!r}, expected a number above 0")
        for setting in ("consistency_weight", "sharpening", "changed_fraction"):
            if not getattr(self, setting) > 0:
                faults.append(f"{setting} is {getattr(self, setting)!r}, expected a number above 0")
        if not 0 <= self.confidence <= 1:
            faults.append(f"confidence is {self.confidence!r}, expected a probability from 0 to 1")
        if faults:
            raise SettingsError(faults, origin=f"The settings of {self.name}")
