"""The images of Label Studio's tasks: addresses of its own server, turned into paths beside the export.

An export names an image as its server does: `/data/upload/1/3f2a9c1b-cat.jpg` for what was uploaded, and
`/data/local-files/?d=photos/cat.jpg` for local files. What is at an address of the web or of a cloud is not asked.
"""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from metier.data.columns.file_names import is_file
from metier.data.columns.image_columns import is_image_name
from metier.media_file import DATA_URI

_UPLOADED = re.compile(r"^[0-9a-f]{8}-")  # What Label Studio puts before the name of an uploaded file.
ROOTS = ("", "media", "images")  # Folders beside an export where its images may lie.


@dataclass
class TaskImages:
    """The images of one task.

    Parameters
    ----------
    columns : dict of str to str, list of str or None
        The paths of each field.
    n_remote : int
        How many are at an address of the web or of a cloud.
    is_elsewhere : bool
        Whether one of the others is not beside the export.
    """

    columns: dict[str, Any] = field(default_factory=dict)
    n_remote: int = 0
    is_elsewhere: bool = False


def image_fields(data: Sequence[Mapping[str, Any]]) -> list[str]:
    """Give the fields of tasks whose values are addresses of images, or lists of them."""
    names = list(dict.fromkeys(name for each in data for name in each))
    return [name for name in names if _are_images([each[name] for each in data if each.get(name)])]


def _are_images(values: list[Any]) -> bool:
    each = [one for value in values for one in (value if isinstance(value, list) else [value])]
    return bool(each) and all(isinstance(one, str) and is_image_name(_path_in(one)) for one in each)


def _is_whole(address: str) -> bool:
    """Whether an address is a data URI: the image itself, which reading the rows decodes."""
    return address.startswith(DATA_URI)


def images_of(data: Mapping[str, Any], fields: Collection[str], folder: Path) -> TaskImages:
    """Give the paths of the images of a task from the folder of its export."""
    found = TaskImages()
    for name in fields:
        value = data.get(name)
        addresses = value if isinstance(value, list) else [value] if value else []
        placed = [one if _is_whole(one) else _beside(_path_in(one), folder) for one in addresses]
        is_there = [
            _is_whole(one) or is_file(folder / path) for one, path in zip(addresses, placed, strict=True)
        ]
        # What the address of another machine names may have been copied beside the export.
        kept = [here or not _is_remote(one) for one, here in zip(addresses, is_there, strict=True)]
        found.n_remote += kept.count(False)
        paths = [path for path, stays in zip(placed, kept, strict=True) if stays]
        found.is_elsewhere |= any(stays and not here for stays, here in zip(kept, is_there, strict=True))
        found.columns[name] = paths if len(paths) > 1 else next(iter(paths), None)
    return found


def _is_remote(address: str) -> bool:
    return bool(urlsplit(address).scheme)


def _path_in(address: str) -> str:
    """Give the path in an address: `photos/cat.jpg` of `/data/local-files/?d=photos/cat.jpg`."""
    if _is_whole(address):
        return address
    parts = urlsplit(address)
    asked = parse_qs(parts.query).get("d")
    return asked[0] if asked else unquote(parts.path)


def _beside(path: str, folder: Path) -> str:
    """Find an image in the folder of the export; where it is not there, say where it is expected."""
    plain = PurePosixPath(path.replace("\\", "/").removeprefix("/data/").lstrip("/"))
    name = _UPLOADED.sub("", plain.name)
    candidates = [PurePosixPath(root) / one for root in ROOTS for one in (plain, plain.name, name)]
    there = (str(one) for one in candidates if is_file(folder / one))
    return next(there, str(plain))
