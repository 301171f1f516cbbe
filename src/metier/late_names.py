"""Names of a package that are imported when they are first used."""

import pkgutil
from collections.abc import Callable, Mapping
from typing import Any


def found_late(package: str, found_in: Mapping[str, str]) -> Callable[[str], Any]:
    """Give the `__getattr__` of a package whose names are imported on first use.

    Parameters
    ----------
    found_in : mapping of str to str
        The module of each name, below the package.
    """

    def find(name: str) -> Any:
        if name not in found_in:
            raise AttributeError(
                f"module {package!r} has no attribute {name!r}; it has: {', '.join(sorted(found_in))}"
            )
        return pkgutil.resolve_name(f"{package}.{found_in[name]}:{name}")

    return find
