"""The bill of materials names what is installed, by the names that the standard asks for."""

import importlib.util
import json
from importlib.metadata import version
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[1] / "scripts" / "sbom.py"


@pytest.fixture(scope="module")
def sbom():
    specification = importlib.util.spec_from_file_location("sbom", SCRIPT)
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


def test_it_names_every_package_and_what_it_requires(sbom, tmp_path):
    assert sbom.main([str(tmp_path / "sbom.json")]) == 0
    found = json.loads((tmp_path / "sbom.json").read_text("utf-8"))
    assert (found["bomFormat"], found["specVersion"], found["version"]) == ("CycloneDX", "1.6", 1)
    assert found["metadata"]["component"]["name"] == "metier"
    parts = {one["name"]: one for one in found["components"]}
    assert parts["numpy"]["version"] == version("numpy")
    assert parts["numpy"]["purl"] == f"pkg:pypi/numpy@{version('numpy')}"
    assert all(one.keys() >= {"type", "bom-ref", "name", "version", "purl"} for one in parts.values())
    licensed = [one for one in parts.values() if "licenses" in one]
    assert len(licensed) > 0.9 * len(parts)


def test_every_reference_leads_to_a_component_and_is_there_once(sbom):
    found = sbom.bill_of_materials()
    references = [one["bom-ref"] for one in found["components"]]
    assert len(set(references)) == len(references)
    known = {*references, found["metadata"]["component"]["bom-ref"]}
    for one in found["dependencies"]:
        assert {one["ref"], *one["dependsOn"]} <= known


def test_names_are_those_of_the_index(sbom):
    assert sbom.normalised("Typing_Extensions") == sbom.normalised("typing.extensions") == "typing-extensions"
