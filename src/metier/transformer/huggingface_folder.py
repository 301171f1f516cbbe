"""Encoders to and from a folder in Hugging Face layout, quietly, from safetensors only."""

import inspect
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
import transformers
from transformers.utils import logging as transformers_logging

from metier.errors import BaseModelError


def load_encoder(folder: Path) -> torch.nn.Module:
    """Load an encoder in float32 and evaluation mode; no pooler where its class can leave it out.

    Raises
    ------
    BaseModelError
        If the folder cannot be loaded as an encoder.
    """
    with quiet_transformers():
        try:
            config = transformers.AutoConfig.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
            kind = transformers.AutoModel._model_mapping[type(config)]
            options = {"add_pooling_layer": False} if "add_pooling_layer" in _parameters(kind) else {}
            model = transformers.AutoModel.from_pretrained(
                folder,
                config=config,
                dtype=torch.float32,
                use_safetensors=True,
                local_files_only=True,
                trust_remote_code=False,
                **options,
            )
        except (OSError, ValueError, KeyError, RuntimeError) as error:
            raise BaseModelError(
                f"{folder} cannot be loaded as an encoder ({error}). "
                "Expected a text encoder whose architecture is in transformers, with weights in model.safetensors."
            ) from error
    return model.eval()


def _parameters(kind: object) -> set[str]:
    kinds = kind if isinstance(kind, list | tuple) else [kind]
    return set(inspect.signature(kinds[0].__init__).parameters)


@contextmanager
def quiet_transformers() -> Iterator[None]:
    """Keep load reports and progress bars off the screen, and put the settings back afterwards."""
    verbosity = transformers_logging.get_verbosity()
    has_bars = transformers_logging.is_progress_bar_enabled()
    transformers_logging.set_verbosity_error()
    transformers_logging.disable_progress_bar()
    try:
        yield
    finally:
        transformers_logging.set_verbosity(verbosity)
        if has_bars:
            transformers_logging.enable_progress_bar()
