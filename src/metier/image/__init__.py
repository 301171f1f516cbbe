"""Pictures: what may be decoded, how, and which are alike."""

from metier.image.decoding import decoded, opened
from metier.image.picture import Picture

__all__ = ["Picture", "decoded", "opened"]
