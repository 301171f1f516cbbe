"""A joint method as a predictor: a graph of the text tower, one of the image tower, and a small one of their fusion."""

import inspect
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tokenizers import Tokenizer

from metier.bases.base import Base
from metier.bases.known_bases import load_tokenizer
from metier.errors import BaseModelError
from metier.export.graph_export import sample_of
from metier.export.image_graph import write_image_graph
from metier.export.onnx_graph import LARGEST_DIFFERENCE, OPSET, quantize, quiet_export, write_module
from metier.features.tokenization import read_tokenizer
from metier.multimodal.tower_outputs import TowerOutputs
from metier.multimodal.towers import MOST_TOKENS
from metier.predictors.onnx.graph_session import TOKENIZER_FILE, open_session
from metier.tasks.answers import Decoder
from metier.tasks.inputs.text_image import TextImage

IMAGE_FILE, FUSION_FILE = "image.onnx", "fusion.onnx"
FUSION_INPUTS = ("text", "image", "has_text", "has_image")


class TokenStates(torch.nn.Module):
    """An encoder that gives the states of its tokens.

    Parameters
    ----------
    encoder : Module
    """

    def __init__(self, encoder: Any):
        super().__init__()
        self.encoder = encoder
        self.has_types = "token_type_ids" in inspect.signature(encoder.forward).parameters

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
        """Give the states, a Tensor of shape (n_texts, n_tokens, hidden_size)."""
        types = {"token_type_ids": torch.zeros_like(input_ids)} if self.has_types else {}
        states: torch.Tensor = self.encoder(
            input_ids=input_ids, attention_mask=attention_mask, **types
        ).last_hidden_state
        return states


@dataclass(frozen=True)
class ExportedTowers:
    """What a joint predictor is made of; an `export.graph_export.ExportedGraph`.

    Parameters
    ----------
    kind : str
        A row of `predictors.onnx.graph_kinds.GRAPH_KINDS`.
    name : str
        Versioned name of the method.
    base : Base
        Of the texts: prefix, longest text.
    text : Module
        The text tower, as `export.onnx_graph.write_module` takes it.
    image : Module
        The image tower, with its `preparation` and `dimensions`.
    fusion : Module
        From the four inputs of a fusion to logits.
    decoder : Decoder
    in_detail : bool
        Whether the fusion looks at tokens and regions.
    """

    kind: str
    name: str
    base: Base
    text: Any
    image: Any
    fusion: torch.nn.Module
    decoder: Decoder
    in_detail: bool = False

    @property
    def arrays(self) -> dict[str, np.ndarray]:
        """Nothing: the head is in the graph of the fusion."""
        return {}

    @property
    def inputs(self) -> tuple[str, ...]:
        """The names of what the fusion takes."""
        return FUSION_INPUTS

    def trial(self) -> tuple[torch.Tensor, ...]:
        """Give rows with both, with a text alone and with an image alone, as the fusion takes them."""
        return _example(self)

    @cached_property
    def predictor_settings(self) -> dict[str, Any]:
        """What `predictor.json` keeps, but for the precision."""
        config = self.text.encoder.config
        return {
            "kind": self.kind,
            "name": self.name,
            **self.decoder.settings(),
            "prefix": self.base.prefix,
            "max_length": self.base.max_length,
            "pad_id": int(config.pad_token_id or 0),
            "reading": "tokens" if self.in_detail else "whole",
            "most_tokens": MOST_TOKENS,
            "text_size": int(config.hidden_size),
            "preparation": self.image.preparation.as_settings() | {"normalised_by": "graph"},
            "image_numbers": self.image.dimensions,
            "graphs": {"image": IMAGE_FILE, "fusion": FUSION_FILE},
        }

    def write_reading(self, folder: Path) -> Tokenizer:
        """Write the tokenizer, and the graphs that take no tokens."""
        load_tokenizer(self.base).save(str(folder / TOKENIZER_FILE), pretty=False)
        write_image_graph(self.image, folder / IMAGE_FILE, preparation=self.image.preparation)
        _write_fusion(self, folder / FUSION_FILE)
        return read_tokenizer(folder / TOKENIZER_FILE, max_length=self.base.max_length)

    def write_graph(self, path: Path) -> None:
        """Write the fp32 graph of the text tower."""
        write_module(self.text, self.text.encoder.config, path)

    def write_int8(self, source: Path, path: Path, sample: Sequence[Sequence[int]]) -> None:
        """Write the INT8 graph of the text tower; the sample is token ids."""
        quantize(source, path, rows=sample)

    def write_plain(self, folder: Path) -> None:
        """Write nothing: no class of transformers has two towers under such a fusion."""


@dataclass(frozen=True)
class ExportedPairTowers(ExportedTowers):
    """A predictor of pairs: the same towers for both sides, and a fusion of all four."""

    @property
    def inputs(self) -> tuple[str, ...]:
        """The names of what the fusion takes: of one side, then of the other."""
        return (*FUSION_INPUTS, *(f"{name}_pair" for name in FUSION_INPUTS))

    def trial(self) -> tuple[torch.Tensor, ...]:
        """Give pairs of which some lack a text or an image on one side."""
        one = _example(self)
        return (*one, *(part.flip(0) for part in one))


def token_sample(base: Base, items: Sequence[TextImage]) -> list[list[int]]:
    """Give the token ids of typical texts, to see how large activations become."""
    return sample_of(base, [item.text for item in items if item.text.strip()])


def _write_fusion(exported: ExportedTowers, path: Path) -> None:
    """Write the graph of the fusion.

    Raises
    ------
    BaseModelError
        If it answers otherwise than the module.
    """
    fusion, example = exported.fusion.eval(), exported.trial()
    axes = {name: {0: "rows"} for name in (*exported.inputs, "logits")}
    if exported.in_detail:
        axes["text"][1] = axes["has_text"][1] = "tokens"
    with torch.inference_mode():
        expected = fusion(*example).numpy()
    with quiet_export():
        torch.onnx.export(
            fusion,
            _shorter(example) if exported.in_detail else tuple(part[:2] for part in example),
            str(path),
            input_names=list(exported.inputs),
            output_names=["logits"],
            dynamic_axes=axes,
            opset_version=OPSET,
            dynamo=False,
        )
    fed = {name: part.numpy() for name, part in zip(exported.inputs, example, strict=True)}
    found = open_session(path, threads=1).run(None, fed)[0]
    if np.abs(found - expected).max() > LARGEST_DIFFERENCE * max(1.0, float(np.abs(expected).max())):
        raise BaseModelError(
            "The ONNX graph of the fusion gives other outputs than the model. Use another fusion, joint.v1 for instance."
        )


def _shorter(example: tuple[torch.Tensor, ...]) -> tuple[torch.Tensor, ...]:
    """Give two rows of fewer tokens, so that a trace that fixed a size is found out by the others."""
    text, image, has_text, has_image = (part[:2] for part in example)
    return text[:, :5], image, has_text[:, :5], has_image


def _example(exported: ExportedTowers) -> tuple[torch.Tensor, ...]:
    """Give rows with both, with a text alone and with an image alone, as a fusion takes them."""
    random = np.random.default_rng(0)
    has_text, has_image = np.array([1, 1, 0, 1], dtype=bool), np.array([1, 0, 1, 1], dtype=bool)
    size, numbers = exported.predictor_settings["text_size"], exported.image.dimensions
    tokens: tuple[np.ndarray, ...] = ()
    if exported.in_detail:
        lengths = (6, 9, 1, 3)
        tokens = tuple(random.standard_normal((length, size)).astype(np.float32) for length in lengths)
    text = random.standard_normal((4, size)).astype(np.float32) * has_text[:, None]
    image = random.standard_normal((4, numbers)).astype(np.float32) * has_image[:, None]
    return TowerOutputs(text, image, has_text, has_image, tokens).tensors()
