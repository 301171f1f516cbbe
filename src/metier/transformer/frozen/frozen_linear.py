"""The base as it came, and a linear head on its embeddings."""

from collections.abc import Sequence
from typing import Any, ClassVar, Self

import numpy as np

from metier.bases.embedding import embed
from metier.bases.known_bases import resolve_base
from metier.export.precision_choice import check_precision
from metier.progress import Listener, ignore
from metier.tasks.examples import check_examples
from metier.tasks.method_contract import Capabilities, CostRank
from metier.text.language import detect_language
from metier.training.heads.linear_probe import fit_probe
from metier.transformer.frozen.probed_texts import ProbedTexts


class FrozenLinear(ProbedTexts):
    """Mean-pooled embeddings of a frozen pretrained encoder, then logistic regression.

    Embeddings are computed once and kept on disk, so a second fit takes seconds. From ten rows a label on it is
    good, in every language of its base; with thousands of rows `Encoder` gains about a point for ten times the
    training.

    Parameters
    ----------
    base : str, default="auto"
        A folder, a known short name, a hub name; `auto` picks by the language of the texts.
    C : float, default=None
        Inverse strength of the penalty on standardised embeddings; None: chosen on validation.
    temperature : float, default=None
        What logits are divided by before the softmax; None: fitted on validation.
    precision : {"auto", "fp32", "int8"}, default="auto"
        Of the exported encoder; `auto` keeps INT8 only where it is proved equal and measured faster.
    random_state : int, default=0

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Labels, in the order of the columns of `predict_proba`.
    base_ : Base
        The base that was used.
    probe_ : Probe
        Weight and bias of the head, C and temperature.
    chosen_params_ : dict
        What to set so that another fit needs no validation.
    """

    name = "frozen_linear.v1"
    capabilities: ClassVar[Capabilities] = Capabilities(cost=CostRank.FROZEN, needs_base=True)

    def __init__(
        self,
        *,
        base: str = "auto",
        C: float | None = None,
        temperature: float | None = None,
        precision: str = "auto",
        random_state: int = 0,
    ):
        self.base = base
        self.C = C
        self.temperature = temperature
        self.precision = precision
        self.random_state = random_state

    def fit(
        self, X: Any, y: Any, *, validation: tuple[Any, Any] | None = None, listener: Listener = ignore
    ) -> Self:
        """Embed the texts, or look their embeddings up, and fit the head.

        Without `validation`, rows are held out to choose C and the temperature on; the head is then fitted on
        all.
        """
        check_precision(self.precision)
        examples = check_examples(X, y)
        unseen = None if validation is None else check_examples(*validation, classes=examples.classes)
        self.base_ = resolve_base(self.base, language=detect_language(examples.texts).main_language)
        embeddings = embed(self.base_, examples.texts, listener=listener)
        away = None if unseen is None else (embed(self.base_, unseen.texts, listener=listener), unseen.truth)
        self.probe_ = fit_probe(
            embeddings,
            examples.truth,
            C=self.C,
            temperature=self.temperature,
            validation=away,
            random_state=self.random_state,
        )
        self._keep(examples, unseen)
        self.chosen_params_ = self._chosen_of_head()
        return self

    def _embed(self, texts: Sequence[str]) -> np.ndarray:
        return embed(self.base_, texts)
