"""Encoders to and from a folder in Hugging Face layout, quietly, from safetensors only."""

import inspect
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
import transformers
from safetensors import SafetensorError
from safetensors.numpy import save_file
from tokenizers import Tokenizer
from transformers.utils import logging as transformers_logging

from metier.bases.adaptation.inserted import adaptation_in, read_parts, split_weights, write_parts
from metier.bases.base import FACTS_FILE, Base
from metier.bases.known_bases import read_json
from metier.bases.structural_pruning import narrow_as_saved, widened
from metier.errors import BaseModelError

SPECIAL_TOKENS = ("bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token")

# Run by a test.
ADAPTED = """# The trained encoder

`model.safetensors` holds the unchanged base. What was trained is in `adaptation.safetensors`, which plain
transformers does not know, so `AutoModel` would give the base alone. Metier loads both:

```python
from metier.bases import load_model, resolve_base

encoder = load_model(resolve_base("huggingface"))
```

The head is in `head.safetensors`, and `metier_head.json` says how texts are to be fed.
"""


def load_model(base: Base) -> torch.nn.Module:
    """Load the encoder of a base; see `load_encoder`."""
    return load_encoder(base.folder)


def load_encoder(folder: Path) -> torch.nn.Module:
    """Load an encoder: float32, in evaluation mode, without running code from its folder.

    It comes without a pooler where its class can leave it out.

    Raises
    ------
    BaseModelError
        If the folder cannot be loaded as an encoder, or leaves some of its weights out.
    """
    with loading(folder, "an encoder", "a text encoder"):
        config = transformers.AutoConfig.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
        kind = transformers.AutoModel._model_mapping[type(config)]
        options = {"add_pooling_layer": False} if "add_pooling_layer" in _parameters(kind) else {}
        model, missing = load_pretrained(transformers.AutoModel, folder, config=config, **options)
    check_whole(folder, missing, "encoder")
    narrow_as_saved(model)
    read_parts(model, folder)
    return model.eval()


@contextmanager
def loading(folder: Path, what: str, expected: str) -> Iterator[None]:
    """Keep transformers quiet, and say in one sentence what it could not load."""
    try:
        with quiet_transformers():
            yield
    except (OSError, ValueError, KeyError, RuntimeError, SafetensorError) as error:
        raise BaseModelError(
            f"{folder} cannot be loaded as {what} ({error}). "
            f"Expected {expected} that transformers knows, with its weights in model.safetensors."
        ) from error


def load_pretrained(
    kind: Any, folder: Path, *, dtype: torch.dtype = torch.float32, **options: Any
) -> tuple[Any, list[str]]:
    """Give a model from safetensors alone, no code run, and the names of the weights that its folder leaves out."""
    model, report = kind.from_pretrained(
        folder,
        dtype=dtype,
        use_safetensors=True,
        local_files_only=True,
        trust_remote_code=False,
        output_loading_info=True,
        **options,
    )
    return model, sorted(report["missing_keys"])


def check_whole(folder: Path, missing: Sequence[str], what: str) -> None:
    """Refuse a model without some of its weights: transformers fills them with random numbers and says so quietly."""
    if missing:
        raise BaseModelError(
            f"{folder} has no weights for {missing[0]} and {len(missing) - 1} other parts of the {what}. "
            f"Save the whole {what} there: model.save_pretrained(folder)."
        )


def _parameters(kind: Any) -> set[str]:
    first = kind[0] if isinstance(kind, list | tuple) else kind
    return set(inspect.signature(first).parameters)


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


def save_encoder(
    model: torch.nn.Module,
    base: Base,
    folder: Path,
    *,
    tokenizer: Tokenizer,
    head: Mapping[str, np.ndarray],
    labels: Sequence[str],
    temperature: float,
    readme: str | None = None,
) -> None:
    """Write the encoder as `AutoModel` and `AutoTokenizer` load it, and the head beside it.

    The folder can be a base again: `metier_head.json` says how texts are to be fed. Its README, where one is given,
    holds the lines that rebuild the whole in plain transformers.
    """
    folder.mkdir(parents=True, exist_ok=True)
    own, _ = split_weights(model)
    with quiet_transformers():
        model.save_pretrained(folder, state_dict=widened(model, own))
    write_parts(model, folder)
    tokenizer.save(str(folder / "tokenizer.json"), pretty=False)
    _write_json(folder / "tokenizer_config.json", _tokenizer_config(base))
    if head:
        save_file(dict(head), folder / "head.safetensors")
    facts = {
        "prefix": base.prefix,
        "max_length": base.max_length,
        "normalise": base.normalise,
        "languages": list(base.languages),
        "temperature": float(temperature),
        "labels": list(labels),
    }
    _write_json(folder / FACTS_FILE, facts)
    page = readme if adaptation_in(model) is None else ADAPTED
    if page is not None:
        (folder / "README.md").write_text(page, encoding="utf-8")
    for path in folder.iterdir():
        path.chmod(0o644)  # safetensors writes 0600.


def _tokenizer_config(base: Base) -> dict[str, Any]:
    """Name the special tokens; everything else about the tokenizer stands in `tokenizer.json`.

    Not the base's own tokenizer class: some build a normaliser of their own and drop the one in the file.
    """
    found = {
        **read_json(base.folder / "special_tokens_map.json"),
        **read_json(base.folder / "tokenizer_config.json"),
    }
    special = {key: found[key] for key in SPECIAL_TOKENS if found.get(key) is not None}
    contents = {key: token["content"] if isinstance(token, dict) else token for key, token in special.items()}
    return {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "model_max_length": base.max_length,
        "model_input_names": ["input_ids", "attention_mask"],
        "clean_up_tokenization_spaces": False,
        **contents,
    }


def _write_json(path: Path, content: Mapping[str, Any]) -> None:
    path.write_text(json.dumps(content, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
