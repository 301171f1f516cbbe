"""A base and a linear head on one vector a text: how the two answer, and what they leave behind."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from sklearn.utils.validation import check_is_fitted

from metier.bases.base import Base
from metier.bases.known_bases import load_model
from metier.export.encoder_export import export_encoder, keep_report, typical_rows
from metier.tasks.contract import Classifier
from metier.tasks.examples import Examples
from metier.training.heads.linear_probe import Probe
from metier.transformer.frozen.base_cost import ReadsByFrozenBase


class ProbedTexts(ReadsByFrozenBase, Classifier):
    """Texts labelled by a linear head on their vectors.

    A special case learns `base_` and `probe_` in its `fit`, which ends in `_keep`, and says what the vector of a text
    is (`_embed`), and by which encoder where it is not the base as it came (`_encoder`).

    Attributes
    ----------
    base_ : Base
        The base that was used.
    probe_ : Probe
        Weight and bias of the head, C and temperature.
    """

    name: str
    precision: str
    base_: Base
    probe_: Probe
    chosen_params_: dict[str, Any]

    def export(self, folder: Path) -> None:
        """Leave the files that `predictors.onnx.onnx_encoder` answers from, and a Hugging Face folder."""
        check_is_fitted(self)
        report = export_encoder(
            self._encoder(),
            self.base_,
            folder,
            weight=self.probe_.weight,
            bias=self.probe_.bias,
            labels=[str(label) for label in self.classes_],
            name=self.name,
            temperature=self.probe_.temperature,
            validation=None if self._unseen is None else (self._unseen.texts, self._unseen.truth),
            sample=self._sample,
            precision=self.precision,
        )
        keep_report(self, report)

    def _keep(self, examples: Examples, unseen: Examples | None) -> None:
        """Keep what answering and the export need of the rows."""
        self.classes_ = examples.classes
        self.facts_: dict[str, Any] = {"base": self.base_.name}
        self._unseen = unseen
        self._sample = typical_rows(examples.texts)

    def _chosen_of_head(self) -> dict[str, Any]:
        return {"base": self.base_.name, "C": self.probe_.C, "temperature": self.probe_.temperature}

    def _probabilities(self, texts: Sequence[str]) -> np.ndarray:
        return self.probe_.probabilities(self._embed(texts))

    def _embed(self, texts: Sequence[str]) -> np.ndarray:
        """Give the vector of each text, an ndarray of shape (n_texts, hidden_size)."""
        raise NotImplementedError

    def _encoder(self) -> torch.nn.Module:
        """Give the encoder that the head stands on: the base as it came."""
        return load_model(self.base_)
