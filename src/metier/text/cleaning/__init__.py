"""Cleaning of texts: markup, unseen and repeated signs, width, boilerplate, with offsets kept."""

from metier.text.cleaning.boilerplate import LineCounts
from metier.text.cleaning.cleaner import STEPS, USUAL_STEPS, Change, Cleaned, clean

__all__ = ["STEPS", "USUAL_STEPS", "Change", "Cleaned", "LineCounts", "clean"]
