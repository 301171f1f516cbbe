"""A bundle: the sealed folder of a predictor. Never contains pickles."""

from metier.bundles.adapted import AdaptedModel, adapt
from metier.bundles.card import write_card
from metier.bundles.loading import Bundle, load_bundle, resolve_bundle, resolve_candidate
from metier.bundles.manifest import Manifest, ManifestFacts, read_manifest
from metier.bundles.model import Model, load_model
from metier.bundles.sealing import seal, verify
from metier.storage import write_whole

__all__ = [
    "AdaptedModel",
    "Bundle",
    "Manifest",
    "ManifestFacts",
    "Model",
    "adapt",
    "load_bundle",
    "load_model",
    "read_manifest",
    "resolve_bundle",
    "resolve_candidate",
    "seal",
    "verify",
    "write_card",
    "write_whole",
]
