"""Transcripts that were made before, by the content of the recording, the model and the language.

Everything here can be deleted: hearing is repeated then.
"""

import json
from pathlib import Path

from metier.errors import StorageError
from metier.speech.transcript import Transcript
from metier.storage import write_text
from metier.user_cache import user_cache

VERSION = 3  # Of how recordings are heard: another way gives other texts.


def key_of(content: str, model: str, language: str | None) -> str:
    """Give the name that a transcript is kept under.

    Parameters
    ----------
    content, model : str
        SHA-256 of the recording and of the weights.
    language : str or None
        That was asked for.
    """
    return f"{content[:32]}-{model[:16]}-{language or 'any'}-{VERSION}"


def read(key: str) -> Transcript | None:
    """Give what is kept; None where nothing is, or what is there cannot be used."""
    try:
        return Transcript.of(json.loads(_path(key).read_text(encoding="utf-8")))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def write(key: str, transcript: Transcript) -> None:
    """Keep a transcript; where that fails it is only slower the next time."""
    path = _path(key)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_text(path, json.dumps(transcript.as_dict(), ensure_ascii=False), durable=False)
    except (OSError, StorageError):
        return


def _path(key: str) -> Path:
    return user_cache() / "transcripts" / key[:2] / f"{key}.json"
