"""Labels by what they are called: the text whose meaning is nearest to a label's description gets it."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
from sklearn.utils.validation import check_is_fitted

from metier.bases.embedding import embed
from metier.bases.known_bases import load_model, resolve_base
from metier.errors import SettingsError, TooFewLabelsError
from metier.evaluation.calibration import fit_temperature
from metier.evaluation.softmax import softmax
from metier.export.graph_export import Exported, export_graph, keep_report, pooled, sample_of, typical_rows
from metier.export.precision_choice import EquivalenceCheck, check_precision
from metier.progress import Listener, ignore
from metier.tasks.answers.label import LabelDecoder
from metier.tasks.estimators import Classifier
from metier.tasks.examples import check_examples
from metier.tasks.method_contract import Capabilities, CostRank
from metier.text.given_texts import as_texts
from metier.text.language import detect_language
from metier.transformer.frozen.base_cost import ReadsByFrozenBase

# Of similarities between -1 and 1, where no labelled row says how far they can be trusted.
UNCALIBRATED_TEMPERATURE = 0.05
# The mean of fewer texts says more about them than about texts.
FEWEST_FOR_CENTRE = 20
MOST_FOR_CENTRE = 4_000

Descriptions = Mapping[str, str | Sequence[str]]


class ZeroShot(ReadsByFrozenBase, Classifier):
    """Similarity of a text's embedding to those of the labels' descriptions; no label of a row is learned from.

    For the first day, when there are label names and no labelled rows, and to know what labelling is worth. With ten
    labelled rows a label `FrozenLinear` is far better. Embeddings of one base crowd into a narrow cone, in which one
    label would be the nearest of too many texts: so the mean of the texts, and of the descriptions, is taken away
    first (Mu and Viswanath, "All-but-the-top", 2018, arXiv:1702.01417).

    Parameters
    ----------
    descriptions : mapping or path, default=None
        From label to a sentence that describes it, or to several; a path leads to a JSON file with such a mapping. A
        label without one, and every label where this is None, is described by its name, underscores as spaces.
    base : str, default="auto"
        A folder, a known short name, a hub name; `auto` picks by the language of the texts.
    temperature : float, default=None
        What similarities are divided by before the softmax; None: fitted on labelled rows where there are some.
    precision : {"auto", "fp32", "int8"}, default="auto"
        Of the exported encoder; `auto` keeps INT8 only where it is proved equal and measured faster.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Labels, in the order of the columns of `predict_proba`.
    chosen_params_ : dict
        What to set so that another fit needs no validation.
    facts_ : dict
        `is_calibrated`, `described` (the text each label was described by), and `undescribed` labels where
        descriptions were given.
    """

    name = "zero_shot.v1"
    capabilities: ClassVar[Capabilities] = Capabilities(cost=CostRank.FROZEN, needs_base=True)

    def __init__(
        self,
        *,
        descriptions: Descriptions | str | Path | None = None,
        base: str = "auto",
        temperature: float | None = None,
        precision: str = "auto",
    ):
        self.descriptions = descriptions
        self.base = base
        self.temperature = temperature
        self.precision = precision

    def fit(
        self, X: Any, y: Any = None, *, validation: tuple[Any, Any] | None = None, listener: Listener = ignore
    ) -> Self:
        """Embed the descriptions; of the texts only their mean is used.

        Parameters
        ----------
        X : texts
        y : labels, optional
            Where they are there, they name the label space, and without `validation` they fit the temperature: no
            row was learned from, so all are unseen. Without them the labels are those of the descriptions, and
            probabilities are not calibrated.
        """
        check_precision(self.precision)
        given = _read_descriptions(self.descriptions)
        texts, truth, self.classes_ = _check(X, y, given)
        unseen = None if validation is None else check_examples(*validation, classes=self.classes_)
        self.base_ = resolve_base(self.base, language=detect_language(texts).main_language)
        described = {label: _describe(label, given) for label in map(str, self.classes_)}
        self._weight, self._bias = self._head(list(described.values()), texts, listener)
        self._gate_rows = (texts, truth) if unseen is None else (unseen.texts, unseen.truth)
        temperature, is_calibrated = self.temperature, self.temperature is not None
        if temperature is None and self._gate_rows[1] is not None:
            similarities = self._similarities(self._gate_rows[0], listener)
            temperature, is_calibrated = fit_temperature(similarities, self._gate_rows[1]), True
        self.temperature_ = float(temperature or UNCALIBRATED_TEMPERATURE)
        self._sample = typical_rows(texts)
        self.chosen_params_ = {"base": self.base_.name, "temperature": self.temperature_}
        self.facts_: dict[str, Any] = {
            "base": self.base_.name,
            "is_calibrated": is_calibrated,
            "described": described,
            "undescribed": [label for label in described if given and label not in given],
        }
        return self

    def export(self, folder: Path) -> None:
        """Leave the files that `predictors.onnx.onnx_encoder` answers from: descriptions are its linear head."""
        check_is_fitted(self)
        texts, truth = self._gate_rows
        exported = Exported(
            "onnx_encoder.v1",
            self.name,
            self.base_,
            pooled(load_model(self.base_), self.base_),
            LabelDecoder(tuple(map(str, self.classes_)), self.temperature_),
            head={"weight": self._weight, "bias": self._bias},
        )
        check = None if truth is None else EquivalenceCheck.of_labels(texts, truth)
        sample = sample_of(self.base_, self._sample)
        report = export_graph(exported, folder, check=check, sample=sample, precision=self.precision)
        keep_report(self, report)

    def _probabilities(self, texts: Sequence[str]) -> np.ndarray:
        return softmax(self._similarities(texts, ignore) / self.temperature_)

    def _head(
        self, described: Sequence[Sequence[str]], texts: Sequence[str], listener: Listener
    ) -> tuple[np.ndarray, np.ndarray]:
        """Give weight and bias that make similarities of raw embeddings to descriptions, both centred."""
        sentences = [sentence for each in described for sentence in each]
        vectors = iter(embed(self.base_, sentences, listener=listener))
        means = np.stack([np.mean([next(vectors) for _ in each], axis=0) for each in described])
        means = (means - means.mean(axis=0)).astype(np.float64)
        # Two labels called the same have no direction of their own.
        weight = means / np.maximum(np.linalg.norm(means, axis=1, keepdims=True), 1e-9)
        if len(texts) < FEWEST_FOR_CENTRE:
            return weight, np.zeros(len(weight))
        some = list(texts[:: max(1, len(texts) // MOST_FOR_CENTRE)])
        return weight, -weight @ embed(self.base_, some, listener=listener).mean(axis=0, dtype=np.float64)

    def _similarities(self, texts: Sequence[str], listener: Listener) -> np.ndarray:
        embeddings = embed(self.base_, texts, listener=listener).astype(np.float64)
        return embeddings @ self._weight.T + self._bias


def _check(
    X: Any, y: Any, given: Mapping[str, Sequence[str]]
) -> tuple[Sequence[str], np.ndarray | None, np.ndarray]:
    if y is not None:
        examples = check_examples(X, y)
        return examples.texts, examples.truth, examples.classes
    if len(given) < 2:
        raise TooFewLabelsError(
            f"Without labelled rows the labels are those that are described, at least two labels, found {len(given)}. "
            "Describe each label: descriptions={'refund': 'The customer wants money back.', …}."
        )
    return as_texts(X), None, np.array(sorted(given))


def _describe(label: str, given: Mapping[str, Sequence[str]]) -> list[str]:
    """Give the sentences that describe a label: its own, or its name as words."""
    return list(given.get(label) or [" ".join(label.replace("_", " ").split()) or label])


def _read_descriptions(descriptions: Descriptions | str | Path | None) -> dict[str, list[str]]:
    """Give the sentences of each label that has some.

    Raises
    ------
    SettingsError
        If they are no mapping from labels to sentences, or cannot be read.
    """
    found: Any = descriptions or {}
    origin = "descriptions"
    if isinstance(descriptions, str | Path):
        origin = str(descriptions)
        try:
            found = json.loads(Path(descriptions).read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise SettingsError([f"descriptions are not in {origin}: {error}"]) from None
    if not isinstance(found, Mapping):
        raise SettingsError(
            [f"{origin} is a {type(found).__name__}, expected a mapping from labels to sentences"]
        )
    sentences = {str(label): [each] if isinstance(each, str) else list(each) for label, each in found.items()}
    faults = [
        f"the description of {label!r} is {each!r}, expected a sentence or several"
        for label, each in sentences.items()
        if not each or not all(isinstance(one, str) and one.strip() for one in each)
    ]
    if faults:
        raise SettingsError(faults, origin=origin)
    return sentences
