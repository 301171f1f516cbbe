"""The program as an image installs it: a wheel, so that no index needs to have it, and its packages at exact versions.

The wheel has no times and its names are in order: the same program gives the same bytes.
"""

import base64
import hashlib
import importlib.metadata
import zipfile
from collections.abc import Iterator
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import metier

PACKAGE = Path(metier.__file__).parent
LEFT_OUT = frozenset({"__pycache__", ".DS_Store"})
OLDEST = (1980, 1, 1, 0, 0, 0)  # The first moment that a zip archive can name.
READABLE = 0o100644 << 16
TAGS = "Wheel-Version: 1.0\nGenerator: metier pack\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
ENTRY_POINTS = "[console_scripts]\nmetier = metier.cli:main\n"


def wheel_name() -> str:
    """Give the file name of the wheel."""
    return f"metier-{metier.__version__}-py3-none-any.whl"


def write_wheel(folder: Path) -> Path:
    """Write the wheel into a folder, and give its path."""
    path, info = folder / wheel_name(), f"metier-{metier.__version__}.dist-info"
    contents = dict(_package_files())
    contents |= {
        f"{info}/METADATA": _metadata().encode(),
        f"{info}/WHEEL": TAGS.encode(),
        f"{info}/entry_points.txt": ENTRY_POINTS.encode(),
    }
    record = f"{info}/RECORD"
    lines = [f"{name},sha256={_digest(content)},{len(content)}" for name, content in contents.items()]
    contents[record] = "\n".join([*lines, f"{record},,", ""]).encode()
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in contents.items():
            entry = zipfile.ZipInfo(name, OLDEST)
            entry.external_attr, entry.compress_type = READABLE, zipfile.ZIP_DEFLATED
            archive.writestr(entry, content)
    return path


def _package_files() -> Iterator[tuple[str, bytes]]:
    for path in sorted(PACKAGE.rglob("*")):
        if path.is_file() and LEFT_OUT.isdisjoint(path.parts) and path.suffix != ".pyc":
            yield path.relative_to(PACKAGE.parent).as_posix(), path.read_bytes()


def _metadata() -> str:
    """Give what pip reads: as it was installed, with the version of the code that is packed."""
    given = importlib.metadata.metadata("metier")
    needs = [f"Requires-Dist: {one}" for one in given.get_all("Requires-Dist") or () if "extra ==" not in one]
    about = ["Metadata-Version: 2.1", "Name: metier", f"Version: {metier.__version__}"]
    python = [f"Requires-Python: {given['Requires-Python']}"] if "Requires-Python" in given else []
    return "\n".join([*about, *python, *needs, ""])


def _digest(content: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()


def pinned_requirements(package: str = "metier") -> list[str]:
    """Give `name==version` of everything that a package needs without extras, in order of names.

    A build on another kind of machine may need others: markers are read for this one.
    """
    found: dict[str, str] = {}
    asked = _needs(package, "")
    while asked:
        need = asked.pop()
        found[canonicalize_name(need.name)] = importlib.metadata.version(need.name)
        further = [one for extra in ("", *need.extras) for one in _needs(need.name, extra)]
        asked += [one for one in further if canonicalize_name(one.name) not in found]
    return [f"{name}=={version}" for name, version in sorted(found.items())]


def _needs(package: str, extra: str) -> list[Requirement]:
    needs = [Requirement(line) for line in importlib.metadata.requires(package) or ()]
    return [one for one in needs if one.marker is None or one.marker.evaluate({"extra": extra})]
