"""The writer whose base learned the raw texts of the domain before it was tuned."""

from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

from pydantic import Field

from metier.bases.base import GenerativeBase
from metier.bases.generative_bases import resolve_generative_base
from metier.data.reading import read
from metier.progress import Listener
from metier.tasks.inputs.conversation import CONVERSATION, as_items
from metier.tasks.method_contract import Capabilities
from metier.tasks.method_settings import with_settings
from metier.text import has_words
from metier.training.encoder_settings import Unchecked
from metier.training.training_cost import Cost
from metier.transformer.generation.generator import Generator, GeneratorSettings
from metier.transformer.unlabelled.causal_pretraining import CausalSettings, pretrain_writer

CHARACTERS_OF_A_TOKEN = 4.0  # About; of raw texts whose tokens nobody has counted yet.
PASSES_OVER_KEPT = 3.0  # What the states of frozen layers and what is written to be read again cost, in passes.


class PretrainedGeneratorSettings(GeneratorSettings):
    """What `PretrainedGenerator` can be set to."""

    unlabelled: Unchecked = Field(None, description="Raw texts of the domain.")
    passes: int = Field(1, ge=1, description="Passes over these texts.")
    replay_fraction: float = Field(
        0.1,
        ge=0,
        le=1,
        description="Tokens of general text that are read again for each token of the domain, against forgetting.",
    )
    general: str | Path | None = Field(
        None,
        description="File or folder of general texts to be read again; None: texts that the base itself writes first.",
    )
    pretraining_rate: float = Field(2e-4, gt=0, description="Peak learning rate of the pretraining.")


@with_settings(PretrainedGeneratorSettings)
class PretrainedGenerator(Generator):
    """`Generator` on a base that learned the next token of the unlabelled texts first [1]_, general text among them.

    For a domain whose words the base hardly knows, with some hundred thousand words of it. Its supervised counterpart is
    `generator.v1`; where the paired test does not show it to be better, it is not shipped. The report says what the
    perplexity of held-out texts of the domain gained, and that of general texts lost. Without unlabelled texts it is the
    same. The pretrained base is kept in the user's cache.

    References
    ----------
    .. [1] Gururangan et al., "Don't stop pretraining: adapt language models to domains and tasks", 2020,
       arXiv:2004.10964.
    """

    name = "pretrained_generator.v1"
    capabilities: ClassVar[Capabilities] = replace(
        Generator.capabilities, baseline="generator.v1", learns_from_unlabelled=True
    )

    def _resolved(self, listener: Listener) -> tuple[GenerativeBase, dict[str, Any]]:
        """Give the base after it learned the unlabelled texts; the same base for a refit on other rows."""
        base = resolve_generative_base(self.base)
        if not self.unlabelled:
            return base, {"pretraining": None}
        settings = CausalSettings(
            passes=self.passes,
            replay_fraction=self.replay_fraction,
            upper_layers=self.upper_layers,
            learning_rate=self.pretraining_rate,
            random_state=self.random_state,
        )
        general = (
            () if self.general is None else tuple(filter(has_words, read(self.general, label="none").texts))
        )
        learned, facts = pretrain_writer(
            base, list(self.unlabelled), settings, general=general, listener=listener
        )
        return learned, {"pretraining": facts}

    def measure(self, X: Any, y: Any, *, n_batches: int = 2) -> Cost:
        """Count what the unlabelled texts cost besides, by the tokens that they have about."""
        cost = super().measure(X, y, n_batches=n_batches)
        if not self.unlabelled:
            return cost
        n_tokens = sum(map(len, self.unlabelled)) / CHARACTERS_OF_A_TOKEN * (1 + self.replay_fraction)
        n_own = (
            sum(len(text) for text in (*CONVERSATION.texts(as_items(X)), *map(str, y))) / CHARACTERS_OF_A_TOKEN
        )
        seconds = cost.seconds_per_epoch / max(n_own, 1) * n_tokens * (self.passes + PASSES_OVER_KEPT)
        return replace(cost, seconds_before=cost.seconds_before + seconds)
