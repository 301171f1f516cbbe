"""The fp32 graph of a predictor: the one that it answers from, or one written of its weights that answers alike."""

import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from metier.bases.huggingface_folder import load_model
from metier.compression.graph_feeds import numbers_of, squared_error
from metier.compression.part_files import base_of
from metier.errors import CompressionError
from metier.export.onnx_graph import PooledEncoder, write_module
from metier.predictors.loading import read_settings
from metier.predictors.onnx.graph_session import MODEL_FILE
from metier.training.heads.token_classifier import TokenStates

# INT8 graphs that passed the equivalence check are this near to fp32 and far nearer; another module is not.
LARGEST_ERROR = 0.1
COMPARED_ROWS = 16


def write_fp32(part: Path, path: Path, feeds: Sequence[Sequence[int]]) -> None:
    """Write the fp32 graph of a predictor.

    Parameters
    ----------
    feeds : sequence of token ids
        Typical rows: what is written of the weights has to give what the sealed graph gives.

    Raises
    ------
    CompressionError
        If only an INT8 graph is there, and the weights make no graph that answers alike.
    """
    if read_settings(part)["precision"] == "fp32":
        shutil.copyfile(part / MODEL_FILE, path)
        return
    encoder = load_model(base_of(part))
    expected = numbers_of(part / MODEL_FILE, feeds[:COMPARED_ROWS])
    with tempfile.TemporaryDirectory(dir=path.parent) as scratch:
        for number, module in enumerate(_modules(encoder)):
            tried = Path(scratch, f"{number}.onnx")
            write_module(module, encoder.config, tried)
            found = numbers_of(tried, feeds[:COMPARED_ROWS])
            if found[0].shape == expected[0].shape and squared_error(found, expected) < LARGEST_ERROR:
                tried.replace(path)
                return
    raise CompressionError(
        f"{part} answers from an INT8 graph, and the weights beside it do not make one that answers alike. Train with "
        "--precision fp32, or use vocabulary."
    )


def _modules(encoder: Any) -> list[torch.nn.Module]:
    return [
        PooledEncoder(encoder, normalise=True),
        PooledEncoder(encoder, normalise=False),
        TokenStates(encoder),
    ]
