"""A base and a linear head on one vector a text: how the two answer, and what they leave behind."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from sklearn.utils.validation import check_is_fitted

from metier.bases.base import Base
from metier.bases.known_bases import load_model
from metier.export.graph_export import Exported, export_graph, keep_report, pooled, sample_of, typical_rows
from metier.export.precision_choice import EquivalenceCheck
from metier.tasks.answers.label import LabelDecoder
from metier.tasks.estimators import Classifier
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
        probe, unseen = self.probe_, self._unseen
        exported = Exported(
            "onnx_encoder.v1",
            self.name,
            self.base_,
            pooled(self._encoder(), self.base_),
            LabelDecoder(tuple(map(str, self.classes_)), probe.temperature),
            head={"weight": probe.weight, "bias": probe.bias},
        )
        check = None if unseen is None else EquivalenceCheck.of_labels(unseen.texts, unseen.truth)
        sample = sample_of(self.base_, self._sample)
        report = export_graph(exported, folder, check=check, sample=sample, precision=self.precision)
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
