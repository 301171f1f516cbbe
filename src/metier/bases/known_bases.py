"""Bases: pretrained encoders, where to find them and how to feed them.

A base is a folder in Hugging Face layout (`config.json`, `model.safetensors`, `tokenizer.json`) and what the
weights cannot say themselves: the prefix before every text, the languages, the longest text. Nothing here imports
torch before `load_model`, so `metier doctor` can list the bases of a light installation.
"""

import hashlib
import json
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tokenizers import Tokenizer

from metier.bases.base import ADAPTATION, FACTS_FILE, LONGEST, WEIGHTS, Base
from metier.bases.base_table import available_bases, known_base
from metier.bases.known_base import file_hash
from metier.errors import BaseModelError, MissingExtraError, NoNetworkError, UnknownNameError, UnsafeFileError
from metier.features.averaged_windows import Cutter
from metier.features.tokenization import read_tokenizer

if TYPE_CHECKING:
    import torch

NEEDED_FILES = ("config.json", WEIGHTS, "tokenizer.json")
PICKLED = ("pytorch_model.bin", "*.pt", "*.pth", "*.pkl", "*.ckpt")
HUB_NAME = re.compile(r"[\w.-]+/[\w.-]+")


# What `auto` stands for: for English rows, and for every other language.
ENGLISH, MULTILINGUAL = "minilm", "e5-multilingual"


def resolve_base(name: str | Base, *, language: str | None = None) -> Base:
    """Find a base by a folder, a known short name, `auto`, or a name on the Hugging Face hub.

    Parameters
    ----------
    name : str or Base
        A base that was found before is given back. `auto` picks by the language: `minilm` for English,
        `e5-multilingual` for every other.
    language : str, optional
        ISO 639-1 code of most rows; None is taken for English.

    Raises
    ------
    UnknownNameError
        If it is no folder, no known name and no name of the form `owner/model`.
    NoNetworkError
        If only the hub could have it and the network is forbidden or out of reach.
    MissingExtraError
        If the package with the weights is not installed.
    WrongHashError
        If the weights are not the published ones.
    BaseModelError, UnsafeFileError
        If the folder holds no encoder, or only files that can run code when loaded.
    """
    if isinstance(name, Base):
        return name
    if name == "auto":
        name = ENGLISH if language in ("en", None) else MULTILINGUAL
    known = known_base(name)
    if known is not None and known.use == "encoder":
        return Base(
            name,
            known.folder(),
            known.prefix,
            known.languages,
            normalise=True,
            max_length=known.max_length,
        )
    if Path(name).is_dir():
        return _resolve_folder(name, Path(name))
    if HUB_NAME.fullmatch(name) and not name.startswith("."):
        return _resolve_folder(name, _fetch(name))
    raise UnknownNameError(
        "base, folder or hub name of the form owner/model", name, known=[*encoder_names(), "auto"]
    )


def load_model(base: Base) -> "torch.nn.Module":
    """Load the encoder: float32, in evaluation mode, without a pooler, without running code from the folder.

    Raises
    ------
    BaseModelError
        If the weights do not fit the configuration.
    MissingExtraError
        If torch or transformers is not installed.
    """
    try:
        from metier.bases.huggingface_folder import load_encoder
    except ModuleNotFoundError as error:
        raise MissingExtraError(f"Loading the base {base.name!r}", extra="train") from error
    return load_encoder(base.folder)


def load_tokenizer(base: Base) -> Tokenizer:
    """Load the tokenizer as the predictor will: cut at `max_length`, special tokens in texts disarmed."""
    return read_tokenizer(base.folder / "tokenizer.json", max_length=base.max_length)


def cutter_of(base: Base) -> Cutter:
    """Give what cuts texts into windows for a base."""
    return Cutter(load_tokenizer(base), max_length=base.max_length, prefix=base.prefix)


def weights_hash(base: Base) -> str:
    """SHA-256 of the weights: what embeddings and distilled matrices are kept under."""
    beside = base.folder / ADAPTATION
    if not beside.is_file():
        return file_hash(base.folder / WEIGHTS)
    both = file_hash(base.folder / WEIGHTS) + file_hash(beside)
    return hashlib.sha256(both.encode()).hexdigest()


def encoder_names() -> list[str]:
    """Give the short names of known bases that read."""
    return [base.name for base in available_bases() if base.use == "encoder"]


def _resolve_folder(name: str, folder: Path) -> Base:
    _check_folder(folder)
    facts = read_json(folder / FACTS_FILE)
    return Base(
        name,
        folder,
        prefix=facts.get("prefix", ""),
        languages=tuple(facts.get("languages", ("*",))),
        normalise=facts.get("normalise", True),
        max_length=facts.get("max_length") or _longest(folder),
    )


def _check_folder(folder: Path) -> None:
    missing = [file for file in NEEDED_FILES if not (folder / file).is_file()]
    pickled = sorted(path.name for pattern in PICKLED for path in folder.glob(pattern))
    if WEIGHTS in missing and pickled:
        raise UnsafeFileError(
            f"{folder} has its weights only in {pickled[0]}, a pickle, which can run code when loaded. "
            f"Save them again as {WEIGHTS} where you trust the file: model.save_pretrained(folder)."
        )
    if missing:
        raise BaseModelError(
            f"{folder} is not a base: {', '.join(missing)} missing. "
            f"Expected a folder in Hugging Face layout with {', '.join(NEEDED_FILES)}."
        )
    for file in ("config.json", "tokenizer_config.json"):
        if "auto_map" in read_json(folder / file):
            raise UnsafeFileError(
                f"{folder / file} names code of its own (auto_map); Metier never runs code from a model folder. "
                "Use a base whose architecture is in transformers."
            )


def _longest(folder: Path) -> int:
    own = read_json(folder / "sentence_bert_config.json").get("max_seq_length")
    stated = read_json(folder / "tokenizer_config.json").get("model_max_length")
    config = read_json(folder / "config.json")
    positions = config.get("max_position_embeddings")
    # RoBERTa and its kin number positions from the padding id on.
    if positions and config.get("model_type") in ("roberta", "xlm-roberta", "camembert"):
        positions -= (config.get("pad_token_id") or 0) + 1
    return int(min(length for length in (own, stated, positions, LONGEST) if length))


def read_json(path: Path) -> dict[str, Any]:
    """Give what a JSON file of a base says, nothing where there is none; raises `BaseModelError` if it is broken."""
    if not path.is_file():
        return {}
    try:
        content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise BaseModelError(f"{path} is not JSON ({error}). Take the folder from its source again.") from None
    return content


def _fetch(name: str) -> Path:
    try:
        from huggingface_hub import snapshot_download
        from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError
    except ModuleNotFoundError:
        raise MissingExtraError(f"Fetching the base {name!r}", extra="train") from None
    try:
        folder = snapshot_download(
            name,
            allow_patterns=["*.json", "*.safetensors", "*.txt", "*.model"],
            local_files_only=not is_network_allowed(),
        )
    except LocalEntryNotFoundError:
        raise NoNetworkError(
            f"The base {name!r} is not on this machine, and the hub is out of reach or forbidden "
            "(HF_HUB_OFFLINE or TRANSFORMERS_OFFLINE). "
            f"These work without a network: {', '.join(encoder_names())} (pip install 'metier[models]'), "
            "or a folder in Hugging Face layout that was copied here."
        ) from None
    except HfHubHTTPError as error:
        raise BaseModelError(f"The hub did not give {name!r}: {error}. Check the name.") from None
    return Path(folder)


def is_network_allowed() -> bool:
    """Whether the environment lets us ask the hub: HF_HUB_OFFLINE and TRANSFORMERS_OFFLINE are honoured."""
    forbidden = ("1", "true", "yes", "on")
    return not any(
        os.environ.get(name, "").lower() in forbidden for name in ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE")
    )
