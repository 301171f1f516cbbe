"""Speech: recordings, how they are decoded, and what a speech model writes of them."""

from metier.speech.decoding import blocks, format_of, samples
from metier.speech.models import SpeechModel, find_speech_model
from metier.speech.recording import Recording
from metier.speech.transcriber import Transcriber
from metier.speech.transcript import Segment, Transcript, Word

__all__ = [
    "Recording",
    "Segment",
    "SpeechModel",
    "Transcriber",
    "Transcript",
    "Word",
    "blocks",
    "find_speech_model",
    "format_of",
    "samples",
]
