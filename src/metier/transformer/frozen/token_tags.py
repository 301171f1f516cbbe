"""Tags on the states of tokens by a frozen base: a linear head from few sentences, or directions of labels from none."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch
from sklearn.linear_model import LogisticRegression

from metier.bases.base import Base
from metier.bases.huggingface_folder import load_model
from metier.bases.known_bases import load_tokenizer
from metier.export.graph_export import Exported
from metier.features.span_labels import SpanLabels
from metier.features.token_windows import Frame, cut, read_whole, unit_values
from metier.features.tokenization import pad
from metier.progress import Listener, Progress, ignore
from metier.tasks.answers import SPANS
from metier.tasks.answers.bio import tags_of_spans
from metier.tasks.answers.soft_spans import TextLogits
from metier.tasks.answers.spans import SpanDecoder
from metier.tasks.examples import Examples
from metier.text.casing import N_CASINGS, casings
from metier.training.heads.token_classifier import TokenStates

# A token, on states as they are. On 50 sentences of ncbi_disease a tenth of it cost two points of F1, ten times a point.
PENALTY = 1e-2
MOST_STEPS = 200
MOST_TOKENS = 64_000  # Learned from: their states are held at once.
ABSENT = -30.0  # Logit of a tag that no row has.
TEXTS_AT_ONCE = 64


class StatesOfText(NamedTuple):
    """The tokens of a text: where they stand, their states, and how they are written."""

    text: str
    offsets: np.ndarray
    states: np.ndarray
    casings: np.ndarray


class TokenReader:
    """Reads texts by a base as it came.

    Parameters
    ----------
    base : Base
    """

    def __init__(self, base: Base):
        self.base = base
        self.tokenizer = read_whole(load_tokenizer(base))
        self.module = TokenStates(load_model(base)).eval()
        self._frame = Frame.of(self.tokenizer, prefix=base.prefix, max_length=base.max_length)

    def read(self, texts: Sequence[str], listener: Listener = ignore) -> list[StatesOfText]:
        """Give the states of the tokens of each text."""
        found: list[StatesOfText] = []
        size = int(self.module.encoder.config.hidden_size)
        for start in range(0, len(texts), TEXTS_AT_ONCE):
            listener(Progress(f"reading with {self.base.name}", start, len(texts), unit="rows"))
            some = texts[start : start + TEXTS_AT_ONCE]
            pieces = [cut(self.tokenizer, text) for text in some]
            values = unit_values(pieces, self._frame, self._run, n_values=size)
            for text, cut_up, states in zip(some, pieces, values, strict=True):
                found.append(StatesOfText(text, cut_up.offsets, states, casings(text, cut_up.offsets)))
        return found

    def _run(self, rows: Sequence[Any]) -> list[np.ndarray]:
        pad_id = int(self.module.encoder.config.pad_token_id or 0)
        with torch.inference_mode():
            states = self.module(*map(torch.from_numpy, pad(rows, pad_id=pad_id))).float().numpy()
        return [own[: len(row)] for own, row in zip(states, rows, strict=True)]


@dataclass(frozen=True)
class TagHead:
    """A linear head on states and on how tokens are written, and what makes spans of its logits.

    Parameters
    ----------
    weight, bias, casing : ndarray of shape (n_tags, size), (n_tags,) and (n_casings, n_tags)
    decoder : SpanDecoder
    facts : dict
    """

    weight: np.ndarray
    bias: np.ndarray
    casing: np.ndarray
    decoder: SpanDecoder
    facts: dict[str, Any]
    kind = "onnx_tagger.v1"

    @property
    def chosen(self) -> dict[str, Any]:
        """What another fit takes besides what the decoder states: nothing."""
        return {}

    def logits(self, read: Sequence[StatesOfText]) -> list[TextLogits]:
        """Give the logits of the tags of each token."""
        return [
            TextLogits(one.text, one.offsets, one.states @ self.weight.T + self.bias + self.casing[one.casings])
            for one in read
        ]

    def exported(self, reader: TokenReader, name: str) -> Exported:
        """Give what becomes a predictor."""
        arrays = {"weight": self.weight, "bias": self.bias, "casing": self.casing}
        return Exported(
            self.kind,
            name,
            reader.base,
            reader.module,
            self.decoder,
            head=arrays,
            tokenizer=reader.tokenizer,
        )


@dataclass(frozen=True)
class DescribedTags:
    """Directions of labels among states, and what makes spans of how well parts fit them.

    Parameters
    ----------
    labels : SpanLabels
    decoder : SpanDecoder
    facts : dict
    """

    labels: SpanLabels
    decoder: SpanDecoder
    facts: dict[str, Any]
    kind = "onnx_span_labels.v1"

    @property
    def chosen(self) -> dict[str, Any]:
        """What another fit takes besides what the decoder states: nothing."""
        return {}

    def logits(self, read: Sequence[StatesOfText]) -> list[TextLogits]:
        """Give the logits of the tags of each token."""
        return [self.labels.logits(one.text, one.offsets, one.states) for one in read]

    def exported(self, reader: TokenReader, name: str) -> Exported:
        """Give what becomes a predictor."""
        return Exported(
            self.kind,
            name,
            reader.base,
            reader.module,
            self.decoder,
            head={"weight": self.labels.weight, "bias": self.labels.bias},
            settings={"scale": self.labels.scale},
            tokenizer=reader.tokenizer,
        )


def fit_tags(
    reader: TokenReader,
    examples: Examples,
    held: Examples | None,
    given: dict[str, Any],
    listener: Listener = ignore,
) -> TagHead:
    """Fit the head on all rows; what makes spans of its logits is chosen on validation or on rows that were held out."""
    read = reader.read(examples.items, listener)
    neutral = SPANS.decoder(examples, **given)
    head = _fit(read, examples, neutral)
    if None not in (given["outside_bias"], given["calibration"]):
        return head
    if held is not None:
        logits, judged = head.logits(reader.read(held.items, listener)), held
    else:
        logits, judged = _out_of_fold(read, examples, given["random_state"])
    decoder = SPANS.fit_decoder(logits, judged, **given) if logits else neutral
    return TagHead(head.weight, head.bias, head.casing, decoder, head.facts)


def _out_of_fold(
    read: Sequence[StatesOfText], examples: Examples, random_state: Any
) -> tuple[list[TextLogits], Examples]:
    """Give the logits of rows by heads that have not seen them, and these rows."""
    logits: list[TextLogits] = []
    order: list[int] = []
    for kept, held_out in SPANS.folds(examples, random_state=random_state):
        if any(examples.truth[row] for row in kept):
            head = _fit([read[row] for row in kept], examples.take(kept), SPANS.decoder(examples))
            logits += head.logits([read[row] for row in held_out])
            order += held_out.tolist()
    return logits, examples.take(order)


def _fit(read: Sequence[StatesOfText], examples: Examples, decoder: SpanDecoder) -> TagHead:
    labels = tuple(map(str, examples.labels))
    found = [tags_of_spans(spans, one.offsets, labels) for spans, one in zip(examples.truth, read, strict=True)]
    tags = np.concatenate([own for own, _ in found])[:MOST_TOKENS]
    states = np.concatenate([one.states for one in read])[:MOST_TOKENS]
    written = np.eye(N_CASINGS, dtype=np.float32)[np.concatenate([one.casings for one in read])[:MOST_TOKENS]]
    model = LogisticRegression(C=1 / (PENALTY * len(tags)), max_iter=MOST_STEPS)
    model.fit(np.hstack([states, written]), tags)
    coefficients, bias = model.coef_, model.intercept_
    if len(coefficients) == 1:  # Two tags share one vector; half of it each way gives the same probabilities.
        coefficients, bias = np.vstack([-coefficients, coefficients]) / 2, np.concatenate([-bias, bias]) / 2
    size, n_tags = states.shape[1], SPANS.n_logits(examples)
    weight, casing = np.zeros((n_tags, size)), np.zeros((N_CASINGS, n_tags))
    every = np.full(n_tags, ABSENT)
    weight[model.classes_], every[model.classes_] = coefficients[:, :size], bias
    casing[:, model.classes_] = coefficients[:, size:].T
    facts = {
        "spans": sum(map(len, examples.truth)),
        "unaligned_spans": int(sum(missed for _, missed in found)),
        "tokens": len(tags),
    }
    return TagHead(weight, every, casing, decoder, facts)
