"""Who vouches for a bundle: a signature of its manifest, which holds the hash of every file.

The seal alone says that a bundle is whole; anybody who can write to its folder can seal it anew. A signature says who
sealed it, to whoever has the public key. It covers the manifest as it is: what changes that, such as a verdict of the
release gate, comes before it.
"""

import json
import pkgutil
import re
from pathlib import Path
from typing import Any

from metier.bundles.manifest import MANIFEST_FILE
from metier.bundles.sealing import SIGNATURE_FILE, verify
from metier.errors import CallError, MissingExtraError, SignatureError
from metier.regular_files import read_regular
from metier.storage import partial_file, storage_errors, write_text

ALGORITHM = "ed25519"
CONTEXT = b"metier manifest 1\n"  # No other thing that the key may sign begins so.
TRUSTED = re.compile(r"(\S+)\s+ed25519\s+([A-Za-z0-9+/]{43}=)")
NAME = re.compile(r"[^\s#]{1,80}")


def create_signing_key(path: Path, name: str) -> str:
    """Make a private key, and beside it (`.pub`) the line that others put into their file of trusted keys; gives the line.

    Raises
    ------
    CallError
        If there is such a file already, or the name has white space.
    MissingExtraError
        If the package cryptography is not installed.
    StorageError
        If it cannot be written.
    """
    if not NAME.fullmatch(name):
        raise CallError(
            f"{name!r} cannot be the name of a key. Take one without white space, such as release-2027."
        )
    public = path.with_name(f"{path.name}.pub")
    taken = next((one for one in (path, public) if one.exists()), None)
    if taken is not None:
        raise CallError(f"{taken} is there already, and a key is never replaced. Name another file.")
    private = _ed25519("new_key")()
    line = f"{name} {ALGORITHM} {_ed25519('public_key')(private)}"
    with storage_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        with partial_file(path) as partial:
            partial.chmod(0o600)  # While it is empty.
            partial.write_bytes(private)
    write_text(public, line + "\n")
    return line


def sign_bundle(folder: Path, key: Path) -> str:
    """Sign the manifest of a bundle whose seal is unbroken; gives the public key.

    Raises
    ------
    CallError
        If the key cannot be used.
    BundleError
        As `verify` does.
    MissingExtraError
        If the package cryptography is not installed.
    """
    private = _private(key)
    verify(folder)
    content = CONTEXT + read_regular(folder / MANIFEST_FILE).encode()
    try:
        public, signed = _ed25519("public_key")(private), _ed25519("signature")(private, content)
    except ValueError as error:
        raise CallError(
            f"{key} is no private key of Ed25519 in PEM ({error}). Make one with: metier sign new-key FILE"
        ) from None
    facts = {"algorithm": ALGORITHM, "key": public, "signature": signed}
    write_text(folder / SIGNATURE_FILE, json.dumps(facts, indent=1) + "\n")
    return str(public)


def check_signature(folder: Path, trusted: Path) -> str:
    """Give the name of the trusted key that signed a bundle, whose files are as they were then.

    Parameters
    ----------
    trusted : Path
        Lines `NAME ed25519 KEY`, as `create_signing_key` gives them.

    Raises
    ------
    SignatureError
        If the bundle is not signed, not by one of these keys, or its manifest was changed afterwards.
    CallError
        If the file of keys cannot be used.
    BundleError
        As `verify` does.
    """
    keys = read_trusted(trusted)
    facts = _signature_of(folder)
    name = keys.get(str(facts.get("key")))
    if name is None:
        raise SignatureError(
            f"{folder} is signed by a key that {trusted} does not have. Get the bundle from its source again, or add "
            "the key if you trust it."
        )
    content = CONTEXT + read_regular(folder / MANIFEST_FILE).encode()
    if not _ed25519("is_signed")(facts["key"], content, str(facts.get("signature"))):
        raise SignatureError(
            f"{folder} was changed after {name} signed it. Get the bundle from its source again, or have it signed anew."
        )
    verify(folder)
    return name


def read_trusted(path: Path) -> dict[str, str]:
    """Read a file of trusted keys; gives the name of each key. Raises CallError where it cannot be read or holds none."""
    try:
        lines = path.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        fault = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise CallError(
            f"The trusted keys {path} cannot be read ({fault}). Name a file of lines: NAME ed25519 KEY"
        ) from None
    keys = {}
    for number, line in enumerate(lines, 1):
        said = line.partition("#")[0].strip()
        found = TRUSTED.fullmatch(said)
        if said and found is None:
            raise CallError(f"{path}, line {number} is no key. Write each as: NAME ed25519 KEY")
        if found:
            keys[found[2]] = found[1]
    if not keys:
        raise CallError(
            f"{path} has no key, so nothing could be trusted. Write each as a line: NAME ed25519 KEY"
        )
    return keys


def _signature_of(folder: Path) -> dict[str, Any]:
    try:
        found = json.loads(read_regular(folder / SIGNATURE_FILE))
    except FileNotFoundError:
        raise SignatureError(
            f"{folder} is not signed, and only signed bundles are asked for. Sign it with: metier sign bundle {folder} "
            "--key FILE"
        ) from None
    except (OSError, ValueError, RecursionError):
        found = None
    if not isinstance(found, dict) or found.get("algorithm") != ALGORITHM:
        raise SignatureError(
            f"{folder / SIGNATURE_FILE} is no signature. Get the bundle from its source again."
        )
    return found


def _private(key: Path) -> bytes:
    try:
        content = key.read_bytes()
        is_shared = key.stat().st_mode & 0o077
    except OSError as error:
        raise CallError(
            f"The key {key} cannot be read ({error.strerror or error}). Make one with: metier sign new-key FILE"
        ) from None
    if is_shared:
        raise CallError(f"The key {key} can be read by other users. Keep it to its owner: chmod 600 {key}")
    return content


def _ed25519(function: str) -> Any:
    try:
        return pkgutil.resolve_name(f"metier.bundles.ed25519:{function}")
    except ModuleNotFoundError:
        raise MissingExtraError("Signing bundles", extra="sign") from None
