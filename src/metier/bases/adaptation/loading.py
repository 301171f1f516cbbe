"""From the name of an adaptation to what adapts."""

import importlib

from metier.bases.adaptation.adaptation import Adaptation
from metier.bases.adaptation.naming import KINDS, AdaptationName


def load_adaptation(name: AdaptationName) -> Adaptation:
    """Give the adaptation of a name."""
    module, _, kind = KINDS[name.kind].place.partition(":")
    adaptation: type[Adaptation] = vars(importlib.import_module(module))[kind]
    return adaptation(name)
