"""Language, words and normalisation of texts."""

from metier.text.language import LanguageMix, detect_language
from metier.text.normalisation import has_words, normalise
from metier.text.segmentation import has_han, segment

__all__ = ["LanguageMix", "detect_language", "has_han", "has_words", "normalise", "segment"]
