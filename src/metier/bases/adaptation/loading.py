"""From the name of an adaptation to the adaptation."""

import pkgutil

from metier.bases.adaptation.adaptation import Adaptation
from metier.bases.adaptation.naming import KINDS, AdaptationName


def load_adaptation(name: AdaptationName) -> Adaptation:
    """Give the adaptation of a name."""
    adaptation: type[Adaptation] = pkgutil.resolve_name(KINDS[name.kind].place)
    return adaptation(name)
