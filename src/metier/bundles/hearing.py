"""The speech model of a bundle, found on this machine: the same weights as in training, or none."""

from metier.bundles.manifest import SpeechFacts
from metier.errors import BaseModelError, UnknownNameError
from metier.speech.models import find_speech_model
from metier.speech.transcriber import Transcriber


def transcriber_of(facts: SpeechFacts, *, threads: int = 1) -> Transcriber:
    """Give what hears as in training.

    Raises
    ------
    BaseModelError
        If the speech model is not on this machine, or is another one than in training.
    MissingExtraError
        If its package is not installed.
    """
    try:
        model = find_speech_model(facts.name)
    except UnknownNameError:
        raise BaseModelError(
            f"This model was trained on what the speech model {facts.name} heard, and there is nothing at that place. "
            "Put its folder there, or give texts instead of recordings."
        ) from None
    if model.sha256 != facts.sha256:
        raise BaseModelError(
            f"The speech model {facts.name} has SHA-256 {model.sha256[:12]}…, and this model was trained on what "
            f"{facts.sha256[:12]}… heard. Put the former weights back, or train again with these."
        )
    return Transcriber(model, language=facts.language, threads=threads)
