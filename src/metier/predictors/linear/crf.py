"""Spans found by a conditional random field: `crf.v1`.

The folder holds `features.json` (the features that have weights), `chain.safetensors` (their weights for every
tag, and those of steps between tags) and the phrases of both gazetteers. CRFsuite trains it and is not needed
here.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from metier.errors import BundleError
from metier.features.crf_features import CrfFeatures
from metier.features.gazetteer import Gazetteer
from metier.predictors.linear.linear_chain import LinearChain
from metier.predictors.loading import read_settings, write_settings
from metier.tasks.answer_batches import RecordAnswers
from metier.tasks.answers.bio import OUTSIDE, as_offsets, runs_of_tags
from metier.tasks.answers.scored_spans import Run, ScoredSpan, span_answers
from metier.tasks.answers.spans import SpanDecoder
from metier.text.parsing import check_tagger

KIND = "crf.v1"
FEATURES_FILE = "features.json"
CHAIN_FILE = "chain.safetensors"
LEARNED_FILE, GIVEN_FILE = "learned_phrases.json", "given_phrases.json"


class CrfPredictor:
    """A linear-chain conditional random field over tokens. Safe to share between threads.

    Parameters
    ----------
    features : CrfFeatures
    columns : sequence of str
        The features that have weights.
    weights : ndarray of shape (n_features, n_tags)
    steps : ndarray of shape (n_tags, n_tags)
        Weights of steps between tags.
    decoder : SpanDecoder
        Labels, bias, calibration.
    name : str
        Versioned name of the method that left this predictor.
    """

    def __init__(
        self,
        *,
        features: CrfFeatures,
        columns: Sequence[str],
        weights: np.ndarray,
        steps: np.ndarray,
        decoder: SpanDecoder,
        name: str,
    ):
        self.labels = decoder.labels
        self.name = name
        self.decoder = decoder
        self.columns = columns
        self.weights = np.ascontiguousarray(weights, dtype=np.float32)
        self.steps = steps
        self.features = features
        self._chain = LinearChain(steps)
        self._index = {feature: number for number, feature in enumerate(columns)}

    def predict(self, texts: Sequence[str]) -> RecordAnswers:
        """Find the spans of texts, however long."""
        return span_answers(texts, [self.spans(text) for text in texts], name=self.name)

    def spans(self, text: str) -> list[ScoredSpan]:
        """Find the spans of one text."""
        scores, offsets = self.scores(text)
        calibration = self.decoder.calibration
        return [
            ScoredSpan(
                int(offsets[first, 0]),
                int(offsets[stop - 1, 1]),
                self.labels[label],
                calibration.probability(evidence),
            )
            for first, stop, label, evidence in self.runs(scores)
        ]

    def scores(self, text: str) -> tuple[np.ndarray, np.ndarray]:
        """Give what each token's features add to each tag, of shape (n_tokens, n_tags), and the tokens' places."""
        offsets, features = self.features.of_text(text)
        scores = np.zeros((len(offsets), self.weights.shape[1]))
        get = self._index.get
        for position, names in enumerate(features):
            known = [number for name in names if (number := get(name)) is not None]
            scores[position] = self.weights[known].sum(axis=0)
        return scores, as_offsets(offsets)

    def known_features(self, text: str) -> list[list[int]]:
        """Give the numbers of the features of each token that have weights."""
        get = self._index.get
        return [
            [number for name in names if (number := get(name)) is not None]
            for names in self.features.of_text(text)[1]
        ]

    def runs(self, scores: np.ndarray, *, outside_bias: float | None = None) -> list[Run]:
        """Give the spans that the scores of a text speak for, as positions of tokens."""
        scores = scores.copy()
        scores[:, OUTSIDE] += self.decoder.outside_bias if outside_bias is None else outside_bias
        runs = runs_of_tags(self._chain.best(scores))
        return [
            (*run, evidence) for run, evidence in zip(runs, self._chain.evidence(scores, runs), strict=True)
        ]

    def save(self, folder: Path) -> None:
        """Leave the files that `load` reads."""
        (folder / FEATURES_FILE).write_text(
            json.dumps(list(self.columns), ensure_ascii=False), encoding="utf-8"
        )
        save_file({"weights": self.weights, "steps": np.asarray(self.steps, np.float32)}, folder / CHAIN_FILE)
        self.features.learned.save(folder / LEARNED_FILE)
        self.features.given.save(folder / GIVEN_FILE)
        settings = {
            "kind": KIND,
            "name": self.name,
            "labels": list(self.labels),
            "tagger": self.features.tagger,
            **self.decoder.settings(),
        }
        write_settings(folder, settings)

    @classmethod
    def load(cls, folder: Path, *, threads: int = 1) -> Self:
        """Load what `save` wrote; one thread is all it takes.

        Raises
        ------
        BundleError
            If a file is missing or broken.
        MissingExtraError
            If it was trained with parts of speech that nothing here can give.
        """
        settings = read_settings(folder)
        check_tagger(settings["tagger"])
        try:
            return cls(**_read(folder, settings))
        except (OSError, ValueError, KeyError, SafetensorError) as error:
            raise BundleError(
                f"{folder} holds no CRF that can be loaded ({error}). Take the folder from its source again."
            ) from error


def _read(folder: Path, settings: Mapping[str, Any]) -> dict[str, Any]:
    chain = load_file(folder / CHAIN_FILE)
    features = CrfFeatures(
        Gazetteer.load(folder / LEARNED_FILE), Gazetteer.load(folder / GIVEN_FILE), settings["tagger"]
    )
    return {
        "features": features,
        "columns": json.loads((folder / FEATURES_FILE).read_text(encoding="utf-8")),
        "weights": chain["weights"],
        "steps": chain["steps"],
        "decoder": SpanDecoder.of(settings),
        "name": settings["name"],
    }
