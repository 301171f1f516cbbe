"""Generative bases: where to find them, their architecture, their inputs.

Known ones stand in `bases.known_base`. Any folder or hub name of a causal (GPT, Llama, Qwen, …) or an
encoder-decoder model (T5, BART, Marian) works as well.
"""

import warnings
from pathlib import Path
from typing import Any

import torch
import transformers
from transformers.models.auto.configuration_auto import CONFIG_MAPPING_NAMES
from transformers.models.auto.modeling_auto import (
    MODEL_FOR_CAUSAL_LM_MAPPING_NAMES,
    MODEL_FOR_SEQ_TO_SEQ_CAUSAL_LM_MAPPING_NAMES,
)

from metier.bases.adaptation.inserted import read_parts, split_weights, write_parts
from metier.bases.base import FACTS_FILE, WEIGHTS, GenerativeBase
from metier.bases.huggingface_folder import check_whole, load_pretrained, loading, quiet_transformers
from metier.bases.known_base import known_base
from metier.bases.known_bases import check_folder, find_folder, read_json
from metier.bases.precision import has_native_bfloat16
from metier.errors import BaseModelError, MissingExtraError
from metier.predictors.text.prompting import Codec, FileCodec
from metier.text.normalisation import replace_surrogates

AUTO = "smollm2"  # What `auto` stands for.
# What its tokenizer needs; SentencePiece models have several names.
TOKENIZER_FILES = ("tokenizer.json", "spiece.model", "source.spm", "sentencepiece.bpe.model", "tokenizer.model")


def resolve_generative_base(name: str | GenerativeBase) -> GenerativeBase:
    """Find a base by a folder, `smollm2`, `auto` (which is `smollm2`), or a name on the Hugging Face hub.

    Raises
    ------
    UnknownNameError
        If it is neither a folder nor a known name nor of the form `owner/model`.
    NoNetworkError
        If only the hub could have it and the network is forbidden or out of reach.
    MissingExtraError
        If the package with the weights, or one that reads them, is not installed.
    WrongHashError
        If the weights are not the published ones.
    BaseModelError, UnsafeFileError
        If the folder holds no generative model, or only files that can run code when loaded.
    """
    if isinstance(name, GenerativeBase):
        return name
    known = known_base(AUTO if name == "auto" else name)
    if known is not None and known.use == "writer":
        return _describe(known.name, known.folder(), known.languages)
    return _describe(name, find_folder(name, use="writer"))


def load_language_model(base: GenerativeBase, *, dtype: torch.dtype) -> Any:
    """Load the model in evaluation mode, without running code from its folder.

    Raises
    ------
    BaseModelError
        If the weights do not fit the configuration, or some are missing.
    """
    kind = transformers.AutoModelForSeq2SeqLM if base.is_encoder_decoder else transformers.AutoModelForCausalLM
    expected = "a causal or encoder-decoder model"
    with loading(base.folder, "a generative model", expected):
        model, missing = load_pretrained(kind, base.folder, dtype=dtype)
    check_whole(base.folder, missing, "model")
    read_parts(model, base.folder)
    return model.eval()


def working_dtype(base: GenerativeBase) -> torch.dtype:
    """Give the number format to hold frozen weights in: bfloat16 where they come so and it is multiplied natively."""
    stored = read_json(base.folder / "config.json")
    name = stored.get("dtype") or stored.get("torch_dtype")
    return torch.bfloat16 if name == "bfloat16" and has_native_bfloat16() else torch.float32


def load_codec(folder: Path) -> Codec:
    """Load the tokenizer of a base: its `tokenizer.json`, or what transformers makes of its SentencePiece files."""
    path = folder / "tokenizer.json"
    return FileCodec(path) if path.is_file() else SlowCodec(folder)


def load_tokenizer(folder: Path) -> Any:
    """Load the tokenizer of a base as transformers has it, without running code from its folder.

    Raises
    ------
    MissingExtraError
        If it is made of SentencePiece models, and the package that reads them is not installed.
    """
    try:
        with quiet_transformers(), warnings.catch_warnings():
            # Marian wants it for a normaliser of quotes that it then does not use.
            warnings.filterwarnings("ignore", message=".*sacremoses")
            return transformers.AutoTokenizer.from_pretrained(
                folder, local_files_only=True, trust_remote_code=False
            )
    except ImportError as error:
        raise MissingExtraError(
            f"The tokenizer of {folder}", extra="train", packages=("sentencepiece",)
        ) from error


class SlowCodec:
    """The codec of a tokenizer that only transformers can read, such as Marian's pair of SentencePiece models."""

    def __init__(self, folder: Path):
        self.tokenizer = load_tokenizer(folder)

    def encode(self, text: str) -> list[int]:
        """Give the ids of what a person wrote."""
        return list(self.tokenizer.encode(replace_surrogates(text), add_special_tokens=False))

    def encode_marks(self, text: str) -> list[int]:
        """Give the ids of a template's own text; none for none, or some tokenizers would put a space there."""
        return list(self.tokenizer.encode(text, add_special_tokens=False)) if text else []

    def encode_target(self, text: str) -> list[int]:
        """Give the ids of a text to be written, which may have a model of its own."""
        return list(self.tokenizer(text_target=text, add_special_tokens=False)["input_ids"])

    def decode(self, ids: Any) -> str:
        """Give the text of ids, without special tokens."""
        return str(self.tokenizer.decode(list(ids), skip_special_tokens=True))


def _describe(name: str, folder: Path, languages: tuple[str, ...] = ("*",)) -> GenerativeBase:
    check_folder(
        folder, "a generative base", f"{WEIGHTS} in one file and tokenizer.json", tokenizers=TOKENIZER_FILES
    )
    config = read_json(folder / "config.json")
    _check_architecture(folder, config)
    known = (config.get(key) for key in ("max_position_embeddings", "n_positions", "n_ctx"))
    # T5 has relative positions: any length works, and it was trained on 512.
    longest = next((int(length) for length in known if length), 512)
    facts = read_json(folder / FACTS_FILE)
    return GenerativeBase(
        name,
        folder,
        bool(config.get("is_encoder_decoder", False)),
        longest,
        tuple(facts.get("languages", languages)),
    )


def _check_architecture(folder: Path, config: Any) -> None:
    """Refuse, by its configuration alone, what the installed transformers cannot load as a model that writes."""
    kind = config.get("model_type")
    if kind in MODEL_FOR_CAUSAL_LM_MAPPING_NAMES or kind in MODEL_FOR_SEQ_TO_SEQ_CAUSAL_LM_MAPPING_NAMES:
        return
    if kind in CONFIG_MAPPING_NAMES:
        raise BaseModelError(
            f"{folder} is a model of type {kind!r}, which reads and does not write. Take a causal model (GPT, Llama, "
            "Qwen) or an encoder-decoder (T5, BART, Marian), or the packaged base with --base smollm2."
        )
    raise BaseModelError(
        f"{folder} is a model of type {kind!r}, which transformers {transformers.__version__} does not know. Install the "
        "release that its page names, or take another base, such as the packaged one with --base smollm2."
    )


def save_language_model(model: Any, tokenizer: Any, folder: Path) -> None:
    """Write a model and its tokenizer in Hugging Face layout, the chat template in `tokenizer_config.json`."""
    folder.mkdir(parents=True, exist_ok=True)
    own, parts = split_weights(model)
    with quiet_transformers():
        model.save_pretrained(
            folder, state_dict=own if parts else None, safe_serialization=True, max_shard_size="1000GB"
        )
        # A template in a file of its own would be one more kind of file that a bundle has to trust.
        tokenizer.save_pretrained(folder, save_jinja_files=False)
    write_parts(model, folder)
    for path in folder.iterdir():
        path.chmod(0o644)  # safetensors writes 0600.
