"""The base as it came, and a linear head over what the vectors of two texts agree in."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
from sklearn.utils.validation import check_is_fitted

from metier.bases.known_bases import load_model, resolve_base
from metier.export.graph_export import Exported, export_graph, keep_report, pooled, sample_of, typical_rows
from metier.export.precision_choice import EquivalenceCheck, check_precision
from metier.progress import Listener, ignore
from metier.tasks.answers.label import LabelDecoder
from metier.tasks.estimators import PairClassifier
from metier.tasks.method_contract import Capabilities, CostRank
from metier.tasks.pairs import check_pairs
from metier.text.language import detect_language
from metier.training.heads.linear_probe import fit_probe
from metier.transformer.frozen.base_cost import ReadsByFrozenBase
from metier.transformer.frozen.pair_vectors import compared, distinct_texts, frozen_vectors

COMPARISON = "difference"


class FrozenPair(ReadsByFrozenBase, PairClassifier):
    """Vectors of a frozen pretrained encoder; logistic regression on |u - v|, u * v and the cosine.

    Knows words for the same thing, and with a multilingual base other languages. Vectors are computed once and kept
    on disk, so a second fit takes seconds; (a, b) is answered as (b, a) is. The method for some hundred pairs; with
    thousands `BiEncoder` learns what this data set means by a match.

    Parameters
    ----------
    base : str, default="auto"
        A folder, a known short name, a hub name; `auto` picks by the language of the texts.
    C : float, default=None
        Inverse strength of the penalty on standardised numbers; None: chosen on validation.
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

    name = "frozen_pair.v1"
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
        """Embed the texts of the pairs, or look their vectors up, and fit the head.

        Without `validation`, pairs are held out to choose C and the temperature on; the head is then fitted on all.
        """
        check_precision(self.precision)
        examples = check_pairs(X, y)
        unseen = None if validation is None else check_pairs(*validation, classes=examples.classes)
        texts = distinct_texts(examples.pairs, [] if unseen is None else unseen.pairs)
        self.base_ = resolve_base(self.base, language=detect_language(texts).main_language)
        vectors = dict(zip(texts, frozen_vectors(self.base_, texts, listener=listener), strict=True))
        away = None if unseen is None else (compared(unseen.pairs, vectors, COMPARISON), unseen.truth)
        self.probe_ = fit_probe(
            compared(examples.pairs, vectors, COMPARISON),
            examples.truth,
            C=self.C,
            temperature=self.temperature,
            validation=away,
            random_state=self.random_state,
        )
        self.classes_ = examples.classes
        self.chosen_params_ = {
            "base": self.base_.name,
            "C": self.probe_.C,
            "temperature": self.probe_.temperature,
        }
        self.facts_: dict[str, Any] = {"base": self.base_.name}
        self._unseen = unseen
        self._sample = typical_rows(texts)
        return self

    def export(self, folder: Path) -> None:
        """Leave the files that `predictors.onnx.onnx_bi_encoder` answers from, and a Hugging Face folder."""
        check_is_fitted(self)
        probe, unseen = self.probe_, self._unseen
        exported = Exported(
            "onnx_bi_encoder.v1",
            self.name,
            self.base_,
            pooled(load_model(self.base_), self.base_, unit_length=True),
            LabelDecoder(tuple(map(str, self.classes_)), probe.temperature),
            head={"weight": probe.weight, "bias": probe.bias},
            settings={"comparison": COMPARISON},
        )
        check = None if unseen is None else EquivalenceCheck.of_labels(unseen.pairs, unseen.truth)
        sample = sample_of(self.base_, self._sample)
        report = export_graph(exported, folder, check=check, sample=sample, precision=self.precision)
        keep_report(self, report)

    def _probabilities(self, pairs: Sequence[Any]) -> np.ndarray:
        texts = distinct_texts(pairs)
        vectors = dict(zip(texts, frozen_vectors(self.base_, texts), strict=True))
        return self.probe_.probabilities(compared(pairs, vectors, COMPARISON))
