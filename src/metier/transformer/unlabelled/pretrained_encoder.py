"""The encoder that learned the words of the domain before it was fine-tuned."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, ClassVar

from metier.errors import SettingsError
from metier.progress import Listener
from metier.tasks.examples import Examples
from metier.tasks.method_contract import Capabilities, CostRank
from metier.training.inherited_settings import with_settings_of
from metier.training.training_cost import Cost
from metier.transformer.tuned.encoder import Encoder
from metier.transformer.unlabelled.masked_pretraining import MaskingSettings, pretrain


@with_settings_of(Encoder)
class PretrainedEncoder(Encoder):
    """`Encoder` on a base that first learned to fill in masked words of the unlabelled texts [1]_.

    For a domain whose words the base has hardly met, with many thousand texts. A base that was trained for sentences
    loses some of that to this; so its supervised counterpart, `encoder.v1`, is hard to beat where the texts are
    everyday ones. Without unlabelled texts it is the same. The pretrained base is kept in the user's cache.

    Parameters
    ----------
    unlabelled : sequence of str, default=None
        Texts of the same kind without labels.
    passes : int, default=2
        Over these texts; every pass masks anew.
    masked_fraction : float, default=0.3
        Share of the words that are masked, above 0 to 1.
    whole_words : bool, default=True
        Whether all pieces of a word are masked together.
    pretraining_rate : float, default=None
        Peak learning rate of the pretraining; None: by the number of steps.
    settings : see `Encoder`

    References
    ----------
    .. [1] Gururangan et al., "Don't stop pretraining: adapt language models to domains and tasks", 2020,
       arXiv:2004.10964.
    """

    name = "pretrained_encoder.v1"
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
        passes: int = 2,
        masked_fraction: float = 0.3,
        whole_words: bool = True,
        pretraining_rate: float | None = None,
        **settings: Any,
    ):
        super().__init__(**settings)
        self.unlabelled = unlabelled
        self.passes = passes
        self.masked_fraction = masked_fraction
        self.whole_words = whole_words
        self.pretraining_rate = pretraining_rate

    def measure(self, X: Any, y: Any = None, *, n_batches: int = 3) -> Cost:
        """Say what an epoch costs, and what the pretraining before it does."""
        cost = super().measure(X, y, n_batches=n_batches)
        n_texts = len(self.unlabelled or ())
        return replace(cost, seconds_before=cost.seconds_per_row * n_texts * self.passes)

    def _fine_tune(self, examples: Examples, unseen: Examples | None, listener: Listener) -> None:
        self._check()
        facts = None
        if self.unlabelled:
            settings = MaskingSettings(
                passes=self.passes,
                masked_fraction=self.masked_fraction,
                whole_words=self.whole_words,
                learning_rate=self.pretraining_rate,
                random_state=self.random_state,
            )
            # Of the unlabelled texts alone: a refit on other rows finds the same base again.
            self.base_, facts = pretrain(self.base_, list(self.unlabelled), settings, listener=listener)
        super()._fine_tune(examples, unseen, listener)
        self.facts_ |= {"pretraining": facts}

    def _check(self) -> None:
        faults = []
        if self.passes < 1 or self.passes != int(self.passes):
            faults.append(f"passes is {self.passes!r}, expected a whole number above 0")
        if not 0 < self.masked_fraction <= 1:
            faults.append(f"masked_fraction is {self.masked_fraction!r}, expected a number above 0 and up to 1")
        if self.pretraining_rate is not None and not self.pretraining_rate > 0:
            faults.append(f"pretraining_rate is {self.pretraining_rate!r}, expected None or a number above 0")
        if faults:
            raise SettingsError(faults, origin=f"The settings of {self.name}")
