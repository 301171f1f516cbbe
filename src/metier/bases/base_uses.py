"""What a base is for, read off its name and its folder alone: nothing is loaded, and nothing is fetched.

Methods that read stand on an encoder, methods that write on a model that gives one token after the other. A comparison
has both, and one `--base`: it goes to those that can stand on it.
"""

from pathlib import Path
from typing import Any

from metier.bases import known_bases as bases
from metier.bases.base_table import known_base
from metier.tasks.method_contract import Capabilities

# How transformers calls what writes; encoders end in `Model` or `ForMaskedLM`.
WRITING = ("ForCausalLM", "LMHeadModel", "ForConditionalGeneration", "MTModel")


def is_for_reading(name: str) -> bool:
    """Whether a method that reads can stand on a base; one that is not here to be looked at may do anything.

    A causal model can: its states are pooled as an encoder's are. One of two halves cannot.
    """
    known = known_base(name)
    if known is not None:
        return known.use == "encoder"
    return not _config(name).get("is_encoder_decoder", False)


def is_for_writing(name: str) -> bool:
    """Whether a method that writes can stand on a base; one that is not here to be looked at may do anything."""
    known = known_base(name)
    if known is not None:
        return known.use == "writer"
    kinds = _config(name).get("architectures")
    return not kinds or any(kind.endswith(WRITING) for kind in kinds)


def suits(name: str, capabilities: Capabilities) -> bool:
    """Whether a base is one for a method."""
    return is_for_writing(name) if capabilities.writes else is_for_reading(name)


def _config(name: str) -> dict[str, Any]:
    return bases.read_json(Path(name) / "config.json")
