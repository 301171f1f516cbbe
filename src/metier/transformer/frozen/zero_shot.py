"""Zero-shot classification: a text gets the label whose description is nearest."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np

from metier.errors import SettingsError, TooFewLabelsError
from metier.progress import Listener, ignore
from metier.tasks.examples import Examples
from metier.tasks.method_contract import Capabilities
from metier.tasks.method_settings import with_settings
from metier.training.heads.frozen_heads import FittedHead
from metier.transformer.frozen.frozen_method import FrozenLinear
from metier.transformer.frozen.frozen_settings import ZeroShotSettings

# Of similarities between -1 and 1, where no labelled row says how far they can be trusted.
UNCALIBRATED_TEMPERATURE = 0.05
# The mean of fewer texts says more about them than about texts.
FEWEST_FOR_CENTRE = 20
MOST_FOR_CENTRE = 4_000

Descriptions = Mapping[str, str | Sequence[str]]


@with_settings(ZeroShotSettings)
class ZeroShot(FrozenLinear):
    """Similarity of the embedding of a text to those of the label descriptions; it does not learn from labelled rows.

    For the start, when there are label names but no labelled rows, and to see what labelling gains. With ten labelled
    rows per label `FrozenLinear` is far better. Embeddings of one base lie in a narrow cone, where one label would be
    the nearest of too many texts: so the mean of the texts, and of the descriptions, is subtracted first (Mu and
    Viswanath, "All-but-the-top", 2018, arXiv:1702.01417).

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
    capabilities: ClassVar[Capabilities] = replace(FrozenLinear.capabilities, tasks=("classification",))

    def fit(
        self, X: Any, y: Any = None, *, validation: tuple[Any, Any] | None = None, listener: Listener = ignore
    ) -> Self:
        """Embed the descriptions; of the texts only their mean is used.

        Parameters
        ----------
        X : texts
        y : labels, optional
            Where they are there, they name the label space, and without `validation` they fit the temperature: no
            row was learned from, so all can judge. Without them the labels are those of the descriptions, and
            probabilities are not calibrated.
        """
        self.Settings.of(self)
        given = _read_descriptions(self.descriptions)
        examples = self._examples(X, y, given)
        judged = None if y is None else examples
        if validation is not None:
            judged = self.answer.check(self.input.read(validation[0]), validation[1], known=examples)
        self._resolve(examples, listener)
        described = {label: _describe(label, given) for label in map(str, examples.labels)}
        weight, bias = self._directions(list(described.values()), examples.items, listener)
        decoder = self.answer.decoder(examples, temperature=self.temperature or UNCALIBRATED_TEMPERATURE)
        self.head_ = FittedHead(weight, bias, decoder)
        if self.temperature is None and judged is not None:
            logits = self.head_.logits(self._features(judged.items, listener))
            self.head_ = FittedHead(weight, bias, self.answer.fit_decoder(logits, judged))
        self._keep(examples, judged)
        self.facts_ |= {
            "is_calibrated": self.temperature is not None or judged is not None,
            "described": described,
            "undescribed": [label for label in described if given and label not in given],
        }
        return self

    def _examples(self, X: Any, y: Any, given: Mapping[str, Sequence[str]]) -> Examples:
        """Give the rows; where they have no labels, those that are described are the label space."""
        texts = self.input.read(X)
        if y is not None:
            return self.answer.check(texts, y)
        if len(given) < 2:
            raise TooFewLabelsError(
                f"Without labelled rows at least two labels have to be described, found {len(given)}. "
                "Describe each label: descriptions={'refund': 'The customer wants money back.', …}."
            )
        return Examples(texts, np.zeros(len(texts), dtype=np.int64), np.array(sorted(given)))

    def _directions(
        self, described: Sequence[Sequence[str]], texts: Sequence[str], listener: Listener
    ) -> tuple[np.ndarray, np.ndarray]:
        """Give weight and bias that make similarities of raw embeddings to descriptions, both centred."""
        sentences = [sentence for each in described for sentence in each]
        vectors = iter(self._features(sentences, listener))
        means = np.stack([np.mean([next(vectors) for _ in each], axis=0) for each in described])
        means = (means - means.mean(axis=0)).astype(np.float64)
        # Two labels called the same have no direction of their own.
        weight = means / np.maximum(np.linalg.norm(means, axis=1, keepdims=True), 1e-9)
        if len(texts) < FEWEST_FOR_CENTRE:
            return weight, np.zeros(len(weight))
        some = list(texts[:: max(1, len(texts) // MOST_FOR_CENTRE)])
        return weight, -weight @ self._features(some, listener).mean(axis=0, dtype=np.float64)


def _describe(label: str, given: Mapping[str, Sequence[str]]) -> list[str]:
    """Give the sentences that describe a label: its own, or its name as words."""
    return list(given.get(label) or [" ".join(label.replace("_", " ").split()) or label])


def _read_descriptions(descriptions: Descriptions | str | Path | None) -> dict[str, list[str]]:
    """Give the sentences of each label that has some.

    Raises
    ------
    SettingsError
        If they are not a mapping from labels to sentences, or cannot be read.
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
