"""Write what an installation of Metier is made of, as a CycloneDX 1.6 bill of materials in JSON; `make sbom`.

Every distribution that is installed beside Metier is a component, with its version, licence, package URL and what of the
others it requires. Nothing is downloaded, and no two runs on one installation differ but in their serial number and time.

    python scripts/sbom.py sbom.json
"""

import argparse
import json
import re
import sys
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib.metadata import Distribution, distributions
from pathlib import Path
from typing import Any

ROOT = "metier"
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
LONGEST_LICENCE = 100  # Characters; some packages have the whole text of their licence in this field.


def main(args: list[str] | None = None) -> int:
    """Write the bill of materials to a file, or to stdout."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("output", nargs="?", type=Path, help="file; default: stdout")
    output = parser.parse_args(args).output
    content = json.dumps(bill_of_materials(), indent=1, ensure_ascii=False) + "\n"
    if output is None:
        print(content, end="")
    else:
        output.write_text(content, encoding="utf-8")
        print(f"sbom: {output}: {content.count(chr(34) + 'purl' + chr(34))} components", file=sys.stderr)
    return 0


def bill_of_materials() -> dict[str, Any]:
    """Give the bill of materials of this installation."""
    found = {normalised(one.name): one for one in distributions() if one.name}
    own = found.pop(ROOT, None)
    return {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{uuid.uuid4()}",
        "version": 1,
        "metadata": {
            "timestamp": datetime.now(UTC).isoformat(timespec="seconds"),
            "component": {"type": "application", **component(ROOT, own)},
        },
        "components": [{"type": "library", **component(name, found[name])} for name in sorted(found)],
        "dependencies": [
            {"ref": reference(name, one), "dependsOn": sorted(required(one, found))}
            for name, one in sorted([*found.items(), *([(ROOT, own)] if own else [])])
        ],
    }


def component(name: str, found: Distribution | None) -> dict[str, Any]:
    """Describe a distribution."""
    facts: dict[str, Any] = {"bom-ref": reference(name, found), "name": name}
    if found is None:
        return facts
    facts |= {"version": found.version, "purl": reference(name, found)}
    licence = licence_of(found)
    return facts | ({"licenses": [licence]} if licence else {})


def reference(name: str, found: Distribution | None) -> str:
    """Give the package URL of a distribution, which is its reference too."""
    return f"pkg:pypi/{name}" if found is None else f"pkg:pypi/{name}@{found.version}"


def licence_of(found: Distribution) -> dict[str, Any] | None:
    """Give the licence of a distribution: an SPDX expression, or the name that it says."""
    facts = found.metadata
    if facts.get("License-Expression"):
        return {"expression": facts["License-Expression"]}
    said = [
        one.rpartition(" :: ")[2] for one in facts.get_all("Classifier") or () if one.startswith("License ::")
    ]
    name = said[0] if said else (facts.get("License") or "").strip()
    return {"license": {"name": name.splitlines()[0][:LONGEST_LICENCE]}} if name else None


def required(found: Distribution, known: Mapping[str, Distribution]) -> set[str]:
    """Give the references of what a distribution may require, of those that are installed."""
    names = {normalised(match[0]) for one in found.requires or () if (match := NAME.match(one))}
    return {reference(name, known[name]) for name in names if name in known}


def normalised(name: str) -> str:
    """Give the name of a distribution as an index has it (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


if __name__ == "__main__":
    sys.exit(main())
