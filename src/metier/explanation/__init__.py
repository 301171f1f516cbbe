"""Why an answer is what it is: which words and which parts of an image it rests on."""

from metier.explanation.explaining import explain
from metier.explanation.explanation import Explanation, ImageParts, Word

__all__ = ["Explanation", "ImageParts", "Word", "explain"]
