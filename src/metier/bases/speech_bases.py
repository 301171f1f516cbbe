"""Bases that hear: Whisper models in Hugging Face layout, where to find them and how to load them.

A known one stands in `bases.known_base`; any folder or hub name of a Whisper model works as well.
"""

from typing import Any

import transformers

from metier.bases.base import WEIGHTS, Base
from metier.bases.huggingface_folder import check_whole, load_pretrained, loading
from metier.bases.known_base import available_bases, known_base
from metier.bases.known_bases import check_folder, find_folder, is_for_hearing, read_json
from metier.errors import UnknownNameError

AUTO = "whisper-tiny-en"  # What `auto` stands for.
PREPROCESSOR = "preprocessor_config.json"  # How sound becomes what the model reads.


def resolve_speech_base(name: str | Base) -> Base:
    """Find a base that hears by a folder, `whisper-tiny-en`, `auto` (which is that), or a name on the hub.

    Its `max_length` counts tokens of a transcript.

    Raises
    ------
    UnknownNameError
        If it is neither a folder of a Whisper model nor a known name of one nor of the form `owner/model`.
    NoNetworkError
        If only the hub could have it and the network is forbidden or out of reach.
    MissingExtraError
        If the package with the weights is not installed.
    WrongHashError
        If the weights are not the published ones.
    BaseModelError, UnsafeFileError
        If the folder is not whole, or has only files that can run code when loaded.
    """
    if isinstance(name, Base):
        return name
    known = known_base(AUTO if name == "auto" else name)
    if known is not None and known.use == "speech":
        return _described(known.name, Base(known.name, known.folder(), languages=known.languages))
    folder = find_folder(name, use="speech") if known is None else None
    if folder is None or not is_for_hearing(str(folder)):
        hearing = [base.name for base in available_bases() if base.use == "speech"]
        raise UnknownNameError("base for speech", name, known=[*hearing, "auto"])
    return _described(name, Base(name, folder, languages=_languages(read_json(folder / "config.json"))))


def load_speech_model(base: Base) -> Any:
    """Load the model: float32, in evaluation mode, without running code from its folder.

    Raises
    ------
    BaseModelError
        If the weights do not fit the configuration, or some are missing.
    """
    with loading(base.folder, "a speech model", "a Whisper model"):
        model, missing = load_pretrained(transformers.WhisperForConditionalGeneration, base.folder)
    check_whole(base.folder, [name for name in missing if name != "proj_out.weight"], "model")
    return model.eval()


def _described(name: str, base: Base) -> Base:
    check_folder(base.folder, "a speech base", f"{WEIGHTS}, tokenizer.json, {PREPROCESSOR}")
    longest = int(read_json(base.folder / "config.json").get("max_target_positions", 448))
    return Base(name, base.folder, languages=base.languages, normalise=False, max_length=longest)


def _languages(config: dict[str, Any]) -> tuple[str, ...]:
    # Models of English alone have no tokens for other languages: one fewer than 51,865.
    return ("en",) if config.get("vocab_size") == 51864 else ("*",)
