"""A wheel of the installed program, so that an image needs no index that has it.

The archive has no times and its names are in order: the same program gives the same bytes.
"""

import base64
import hashlib
import importlib.metadata
import zipfile
from collections.abc import Iterator
from pathlib import Path

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
