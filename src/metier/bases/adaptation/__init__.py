"""How a base's weights change: all of them, some of them, or only what an adaptation puts between them."""

from metier.bases.adaptation.naming import AdaptationName, check_fits, faults_of, layers_of, parse_adaptation

__all__ = ["AdaptationName", "check_fits", "faults_of", "layers_of", "parse_adaptation"]
