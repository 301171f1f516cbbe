"""The packages of the light core at the versions that are installed here, for `pip install --no-deps`."""

import importlib.metadata

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name


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
