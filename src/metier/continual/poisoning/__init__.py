"""Feedback that would teach a model what is wrong: found, held back with its reason, and kept for a person."""

from metier.continual.poisoning.corrections import Corrections, Trusted
from metier.continual.poisoning.held import Held, Screened
from metier.continual.poisoning.screening import PoisoningSettings, screen

__all__ = ["Corrections", "Held", "PoisoningSettings", "Screened", "Trusted", "screen"]
