"""What each word of a text adds to an answer, by gradients through the sealed graph, and where information may flow in it.

* gradient x input: the gradient of the score with respect to the word embedding of a token, times that embedding. One
  pass; where the score bends it says what a small change would do, and its parts add up to nothing in particular.
* integrated gradients [1]_: the gradient averaged along the straight line from a baseline, in which a mask stands for
  every token, times the way. The parts add up to the score less that of the baseline; what they miss of it, the
  completeness gap, is their error and is stated. Steps are doubled while it is large, but in INT8, where rounding makes it.
* attention rollout [2]_: the attention of all heads averaged, half of each layer passing by it, multiplied through the
  layers. It says from which words information may flow into the vector, whatever label is asked about: not why.

References
----------
.. [1] Sundararajan, Taly and Yan, "Axiomatic attribution for deep networks", 2017, arXiv:1703.01365.
.. [2] Abnar and Zuidema, "Quantifying attention flow in transformers", 2020, arXiv:2005.00928.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor

from metier.errors import CallError
from metier.explanation.explanation import Weighed, Word
from metier.explanation.gradients.torch_graph import OTHER_METHODS, TorchGraph
from metier.explanation.word_methods import GRADIENT_X_INPUT, INTEGRATED_GRADIENTS, ROLLOUT
from metier.features.averaged_windows import Cutter
from metier.predictors.loading import read_settings
from metier.predictors.onnx.graph_kinds import GRAPH_KINDS
from metier.predictors.onnx.graph_session import MODEL_FILE, GraphParts
from metier.tasks.answers import LABEL, LABEL_SET, SCORE
from metier.tasks.answers.label import LabelDecoder
from metier.tasks.answers.label_set import LabelSetDecoder
from metier.tasks.inputs import TEXT, TEXT_OR_PAIR
from metier.text.offsets import Offsets
from metier.text.segmentation import word_offsets

READ = ("whole", "vectors")  # How heads are fed that can be followed back: one vector a text.
MASKS = ("[MASK]", "<mask>", "[PAD]", "<pad>")
STEPS = {"fp32": (16, 128), "int8": (32, 32)}  # Fewest and most; more do not lessen what rounding does.
SMALL_GAP = 0.02  # Of the way from the baseline; a larger one doubles the steps.
TOKENS_AT_ONCE = 4096
# Of the length of a vector: sums in another order, and in INT8 what is rounded to the other side then.
LARGEST_DIFFERENCE = {"fp32": 1e-3, "int8": 0.05}


@dataclass(frozen=True)
class TextWindow:
    """One window of a text: its token ids, where each stands in the text, and its share of the average."""

    ids: Tensor
    offsets: Sequence[Offsets]
    share: float


class GraphExplainer:
    """Explains answers of one graph of texts.

    Parameters
    ----------
    graph : TorchGraph
    parts : GraphParts
        The files around it, and the graph as the bundle runs it.
    decoder : LabelDecoder, LabelSetDecoder or other
        Of its answers.
    """

    def __init__(self, graph: TorchGraph, parts: GraphParts, decoder: Any, *, unit_length: bool):
        self._graph, self._parts, self._decoder = graph, parts, decoder
        self._unit_length = unit_length
        settings = parts.settings
        self._cutter = Cutter(parts.tokenizer, max_length=settings["max_length"], prefix=settings["prefix"])
        self._weight, self._bias = (
            torch.from_numpy(np.array(parts.head[name], dtype=np.float32)) for name in ("weight", "bias")
        )
        ids = (parts.tokenizer.token_to_id(mark) for mark in MASKS)
        self._mask_id = next((one for one in ids if one is not None), int(settings.get("pad_id", 0)))

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Open the graph of a predictor's folder.

        Raises
        ------
        CallError
            If it is none of one text whose answers are labels or a number, or its operators are not known.
        MissingExtraError
            If onnx is not installed.
        """
        settings = read_settings(folder)
        kind = GRAPH_KINDS.get(settings["kind"])
        answers = (LABEL.name, LABEL_SET.name, SCORE.name)
        reads_text = kind is not None and kind.input.name in (TEXT.name, TEXT_OR_PAIR.name)
        reading = settings.get("reading", "whole")
        if kind is None or not reads_text or kind.answer.name not in answers or reading not in READ:  # type: ignore[attr-defined]
            raise CallError(
                f"The model {settings['name']} is no single encoder of texts with labels or a number, so it has no "
                f"gradient here. {OTHER_METHODS}"
            )
        graph = TorchGraph.load(folder / MODEL_FILE)
        is_unit = reading == "vectors"
        return cls(
            graph, GraphParts.load(folder), kind.answer.read_decoder(dict(settings)), unit_length=is_unit
        )

    def weigh(self, method: str, text: str, column: int | None) -> Weighed:
        """Give what each word adds to the score of a label, or its share of attention.

        Parameters
        ----------
        method : {"gradient_x_input", "integrated_gradients", "attention_rollout"}
        column : int or None
            Of the label; None of a number.

        Raises
        ------
        CallError
            If the graph in torch answers this text otherwise than the bundle does.
        """
        windows = self._windows(text)
        self._check(windows)
        if method == ROLLOUT:
            return Weighed(_words(text, windows, self._rollout(windows)), unit="share of attention")
        embeddings = [self._graph.embed(window.ids) for window in windows]
        if method == GRADIENT_X_INPUT:
            parts = self._gradients(windows, embeddings, column)
            tokens = [(one * part).sum(-1)[0] for one, part in zip(embeddings, parts, strict=True)]
            return Weighed(_words(text, windows, tokens))
        if method != INTEGRATED_GRADIENTS:
            raise ValueError(method)
        return self._integrated(text, windows, embeddings, column)

    def _windows(self, text: str) -> list[TextWindow]:
        cut = self._cutter.cut([text])
        shares = cut.new_tokens / cut.new_tokens.sum()
        places = self._cutter.offsets(text)
        return [
            TextWindow(torch.tensor([ids]), offsets, float(share))
            for ids, offsets, share in zip(cut.ids, places, shares, strict=True)
        ]

    def _check(self, windows: Sequence[TextWindow]) -> None:
        """Refuse a text whose vector is another in torch than in the bundle."""
        most = LARGEST_DIFFERENCE[self._parts.settings["precision"]]
        for window in windows:
            with torch.no_grad():
                ours = self._graph.run(window.ids).output.numpy()
            served = self._parts.graph.rows([window.ids[0].tolist()])
            difference = float(np.linalg.norm(ours - served) / max(float(np.linalg.norm(served)), 1e-12))
            if not difference <= most:
                raise CallError(
                    f"Run in torch, the graph of this model gives another vector of this text (by {difference:.1%} of "
                    f"its length; {most:.1%} are allowed), so its gradients would explain another model. "
                    f"{OTHER_METHODS}"
                )

    def _score(self, vectors: Sequence[Tensor], windows: Sequence[TextWindow], column: int | None) -> Tensor:
        """Give the score of each row, from the vectors of its windows, of shape (n_rows, size) each."""
        pooled = torch.stack([window.share * one for window, one in zip(windows, vectors, strict=True)]).sum(0)
        if self._unit_length:
            pooled = torch.nn.functional.normalize(pooled, dim=1)
        logits = pooled @ self._weight.T + self._bias
        if column is None:
            return logits[:, 0]
        decoder = self._decoder
        if isinstance(decoder, LabelSetDecoder):
            return logits[:, column] * float(decoder.slopes[column]) + float(decoder.offsets[column])
        assert isinstance(decoder, LabelDecoder)
        logits = logits / decoder.temperature
        others = torch.cat([logits[:, :column], logits[:, column + 1 :]], dim=1)
        return logits[:, column] - torch.logsumexp(others, dim=1)

    def _scores(
        self, windows: Sequence[TextWindow], embeddings: Sequence[Tensor], column: int | None
    ) -> Tensor:
        vectors = [
            self._graph.run(window.ids.expand(len(one), -1), one).output
            for window, one in zip(windows, embeddings, strict=True)
        ]
        return self._score(vectors, windows, column)

    def _gradients(
        self, windows: Sequence[TextWindow], embeddings: Sequence[Tensor], column: int | None
    ) -> list[Tensor]:
        """Give the gradient of the score of each row with respect to the embeddings of its windows."""
        leaves = [one.detach().clone().requires_grad_() for one in embeddings]
        found = torch.autograd.grad(self._scores(windows, leaves, column).sum(), leaves)
        return [one.detach() for one in found]

    def _integrated(
        self, text: str, windows: Sequence[TextWindow], embeddings: Sequence[Tensor], column: int | None
    ) -> Weighed:
        baselines = [self._baseline(window, one) for window, one in zip(windows, embeddings, strict=True)]
        ways = [one - start for one, start in zip(embeddings, baselines, strict=True)]
        with torch.no_grad():
            both = [torch.cat([start, one]) for start, one in zip(baselines, embeddings, strict=True)]
            start, end = self._scores(windows, both, column).tolist()
        steps, most = STEPS[self._parts.settings["precision"]]
        while True:
            means = self._mean_gradients(windows, baselines, ways, column, steps)
            tokens = [(way * mean).sum(-1)[0] for way, mean in zip(ways, means, strict=True)]
            gap = end - start - float(sum(one.sum() for one in tokens))
            if abs(gap) <= SMALL_GAP * abs(end - start) or steps >= most:
                return Weighed(_words(text, windows, tokens), gap=gap, baseline=start)
            steps *= 2

    def _mean_gradients(
        self,
        windows: Sequence[TextWindow],
        baselines: Sequence[Tensor],
        ways: Sequence[Tensor],
        column: int | None,
        steps: int,
    ) -> list[Tensor]:
        """Average the gradient over the middles of equal steps along the way."""
        places = (torch.arange(steps) + 0.5) / steps
        longest = max(window.ids.shape[1] for window in windows)
        sums = [torch.zeros_like(way) for way in ways]
        for some in places.split(max(1, TOKENS_AT_ONCE // longest)):
            on_the_way = [start + some[:, None, None] * way for start, way in zip(baselines, ways, strict=True)]
            for total, one in zip(sums, self._gradients(windows, on_the_way, column), strict=True):
                total += one.sum(0, keepdim=True)
        return [total / steps for total in sums]

    def _baseline(self, window: TextWindow, embeddings: Tensor) -> Tensor:
        """Give the embeddings with a mask in the place of every token of the text; special tokens and prefix stay."""
        mask = self._graph.embed(torch.full_like(window.ids, self._mask_id))
        is_text = torch.tensor([end > start for start, end in window.offsets])
        return torch.where(is_text[None, :, None], mask, embeddings)

    def _rollout(self, windows: Sequence[TextWindow]) -> list[Tensor]:
        found = []
        for window in windows:
            with torch.no_grad():
                layers = self._graph.run(window.ids, keep_attention=True).attention
            if not layers:
                raise CallError(f"No attention is found in the graph of this model. {OTHER_METHODS}")
            found.append(window.share * rollout([one[0] for one in layers]).mean(0))
        return found


def rollout(layers: Sequence[Tensor]) -> Tensor:
    """Multiply the attention of layers, each of shape (n_heads, n_tokens, n_tokens), half of it passing by.

    Returns
    -------
    Tensor of shape (n_tokens, n_tokens)
        From which tokens of the text information may flow into each place; rows sum to 1.
    """
    n_tokens = layers[0].shape[-1]
    flow = torch.eye(n_tokens)
    for layer in layers:
        flow = (0.5 * layer.mean(0) + 0.5 * torch.eye(n_tokens)) @ flow
    return flow


def _words(text: str, windows: Sequence[TextWindow], tokens: Sequence[Tensor]) -> tuple[Word, ...]:
    """Give each word the parts of its tokens; a token of several words is divided by their characters."""
    words = word_offsets(text)
    starts = np.array([start for start, _ in words], dtype=np.int64)
    ends = np.array([end for _, end in words], dtype=np.int64)
    sums = np.zeros(len(words))
    for window, values in zip(windows, tokens, strict=True):
        for (start, end), value in zip(window.offsets, values.tolist(), strict=True):
            covered = np.clip(np.minimum(ends, end) - np.maximum(starts, start), 0, None)
            if covered.sum():
                sums += value * covered / covered.sum()
    return tuple(Word(*pair, float(value)) for pair, value in zip(words, sums, strict=True))
