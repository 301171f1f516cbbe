"""A bundle made smaller or faster, with the proof that it stayed as good."""

from metier.compression.compressing import Compressed, compress

__all__ = ["Compressed", "compress"]
