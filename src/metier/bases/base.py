"""What a base is, one that reads or one that writes, and the files that make a folder one."""

from dataclasses import dataclass
from pathlib import Path

WEIGHTS = "model.safetensors"
ADAPTATION = "adaptation.safetensors"  # What was learned beside weights that stayed; see `adaptation.inserted`.
# What Metier writes beside weights it trained or converted, so that the folder can be a base again.
FACTS_FILE = "metier_head.json"
# Attention costs the square of the length: past this the first part of a text has to do.
LONGEST = 512


@dataclass(frozen=True)
class Base:
    """A pretrained encoder and how to feed it.

    Parameters
    ----------
    name : str
        The name it was asked for by.
    folder : Path
        Hugging Face layout.
    prefix : str
        Put before every text, as in pretraining.
    languages : tuple of str
        ISO 639-1 codes; `("*",)` for many.
    normalise : bool
        Whether embeddings are scaled to length 1.
    max_length : int
        Most tokens that it reads at once, special tokens included; a longer text is read in windows.
    """

    name: str
    folder: Path
    prefix: str = ""
    languages: tuple[str, ...] = ("*",)
    normalise: bool = True
    max_length: int = LONGEST


@dataclass(frozen=True)
class GenerativeBase:
    """A pretrained generative model.

    Parameters
    ----------
    name : str
        The name it was asked for by.
    folder : Path
        Hugging Face layout.
    is_encoder_decoder : bool
    max_length : int
        Most tokens of its input, and of its output where it is causal.
    languages : tuple of str
        ISO 639-1 codes; `("*",)` where it is not known.
    """

    name: str
    folder: Path
    is_encoder_decoder: bool
    max_length: int
    languages: tuple[str, ...] = ("*",)
