"""Learn from what people prefer among written answers."""

from metier.continual.update.preferences.parts import PreferenceOptions
from metier.continual.update.preferences.preferring import PreferenceResult, prefer

__all__ = ["PreferenceOptions", "PreferenceResult", "prefer"]
