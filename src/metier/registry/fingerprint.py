"""What tells the files of two bundles apart, whatever was said about them since."""

import hashlib
import json

from metier.bundles.manifest import Manifest


def fingerprint_of(manifest: Manifest) -> str:
    """Give the SHA-256 of all files of a bundle but its manifest, whatever its gate said since."""
    hashes = {path: facts.sha256 for path, facts in sorted(manifest.files.items())}
    return hashlib.sha256(json.dumps(hashes).encode()).hexdigest()
