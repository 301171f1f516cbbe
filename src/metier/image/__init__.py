"""Pictures: what may be decoded, how, and which are alike."""

from metier.image.decoding import decoded, opened
from metier.image.picture import Picture, mean_of_each

__all__ = ["Picture", "decoded", "mean_of_each", "opened"]
