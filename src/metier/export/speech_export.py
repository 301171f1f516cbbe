"""A Whisper in the form of CTranslate2 with 8-bit weights, which faster-whisper answers from without torch."""

import importlib
import shutil
import tempfile
from pathlib import Path
from typing import Any

from metier.bases.base import Base
from metier.bases.huggingface_folder import quiet_transformers
from metier.errors import MissingExtraError

BESIDE = ("tokenizer.json", "preprocessor_config.json")
OF_A_BASE = (*BESIDE, "tokenizer_config.json")


def save_speech_model(model: Any, base: Base, folder: Path) -> None:
    """Write a model in Hugging Face layout, with what its base says of sound and tokens; it is a base again."""
    folder.mkdir(parents=True, exist_ok=True)
    with quiet_transformers():
        model.save_pretrained(folder, safe_serialization=True)
    for name in OF_A_BASE:
        if (base.folder / name).is_file():
            shutil.copyfile(base.folder / name, folder / name)
    for path in folder.iterdir():
        path.chmod(0o644)  # safetensors writes 0600.


def export_speech_model(model: Any, base: Base, folder: Path) -> None:
    """Write a model as CTranslate2 has it.

    Raises
    ------
    MissingExtraError
        If CTranslate2, which comes with faster-whisper, is not installed.
    """
    try:  # Late: methods are listed and looked at where it is missing.
        converters = importlib.import_module("ctranslate2.converters")
    except ModuleNotFoundError:
        raise MissingExtraError("Exporting a speech model", extra="speech") from None
    with tempfile.TemporaryDirectory() as temporary, quiet_transformers():
        source = Path(temporary) / "huggingface"
        save_speech_model(model, base, source)
        converter = converters.TransformersConverter(str(source), copy_files=list(BESIDE))
        converter.convert(str(folder), quantization="int8", force=True)
    for path in folder.iterdir():
        path.chmod(0o644)
