"""Versions and aliases: nothing half-added, nothing promoted unseen, back with one word, several writers at once."""

import json
import multiprocessing
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import metier
from metier.errors import CallError, RegistryError, TamperedBundleError, UnknownNameError, WrongTypeError
from metier.registry.registry import CHALLENGER, DATABASE, Registry

SEALED = Path(__file__).parents[1] / "bundles" / "sealed_71959d8"


@pytest.fixture
def registry(tmp_path):
    return Registry(tmp_path / "registry")


def judged(folder, to, verdict="pass"):
    """A copy of a bundle whose gate said something."""
    shutil.copytree(folder, to)
    manifest = json.loads((to / "manifest.json").read_text("utf-8"))
    manifest["gate"] = {"verdict": verdict, "may_go_live": verdict == "pass"}
    (to / "manifest.json").write_text(json.dumps(manifest), "utf-8")
    return to


def test_versions_are_counted_and_the_same_files_are_the_same_version(registry):
    first = registry.add(SEALED / "linear.v1", "support")
    second = registry.add(SEALED / "constant.v1", "support")
    assert (first.number, second.number) == (1, 2)
    assert registry.add(SEALED / "linear.v1", "support").number == 1
    assert registry.names() == ["support"]
    assert metier.load(first.folder).name == "tfidf_linear.v1"


def test_without_a_passed_gate_only_by_force_and_that_is_kept(registry, tmp_path):
    registry.add(SEALED / "linear.v1", "support")
    with pytest.raises(RegistryError, match="has not passed a release gate: it was not asked"):
        registry.promote("support", 1)
    assert registry.version("support", 1).aliases == ()
    registry.promote("support", 1, force=True, who="ann", why="first")
    registry.add(judged(SEALED / "constant.v1", tmp_path / "failed", "fail"), "support")
    with pytest.raises(RegistryError, match="it says 'fail'"):
        registry.promote("support", 2)
    registry.add(judged(SEALED / "static.v1", tmp_path / "passed"), "support")
    registry.promote("support", 3)
    assert registry.version("support").number == 3
    changes = [
        (one.action, one.version, one.before, one.is_forced, one.gate) for one in registry.history("support")
    ]
    assert changes == [
        ("add", 1, None, False, None),
        ("promote", 1, None, True, None),
        ("add", 2, None, False, "fail"),
        ("add", 3, None, False, "pass"),
        ("promote", 3, 1, False, "pass"),
    ]
    assert registry.history("support")[1].who == "ann"


def test_back_to_the_version_before_and_to_the_one_before_that(registry):
    for name in ("linear.v1", "constant.v1", "static.v1"):
        version = registry.add(SEALED / name, "support")
        registry.promote("support", version.number, force=True)
    assert registry.roll_back("support").number == 2
    assert registry.roll_back("support").number == 1
    with pytest.raises(RegistryError, match="points to no earlier version, so there is none to go back to"):
        registry.roll_back("support")
    registry.promote("support", 3, force=True)
    assert registry.roll_back("support").number == 1


def test_aliases_stand_beside_one_another(registry):
    for name in ("linear.v1", "constant.v1"):
        registry.add(SEALED / name, "support")
    registry.promote("support", 1, force=True)
    registry.promote("support", 2, alias=CHALLENGER, force=True)
    assert (registry.version("support").number, registry.version("support", CHALLENGER).number) == (1, 2)
    with pytest.raises(RegistryError, match="answers as champion"):
        registry.remove("support", 1)
    registry.promote("support", 2, force=True)
    registry.remove("support", 1)
    assert [one.number for one in registry.versions("support")] == [2]
    assert registry.add(SEALED / "linear.v1", "support").number == 3


def test_what_is_not_there_is_named_with_what_is(registry):
    registry.add(SEALED / "linear.v1", "support")
    with pytest.raises(UnknownNameError, match="no model in the registry called 'suport'"):
        registry.version("suport", 1)
    with pytest.raises(UnknownNameError, match="no version of 'support' called '4'"):
        registry.version("support", 4)
    with pytest.raises(UnknownNameError, match="called 'champion'"):
        registry.version("support")


@pytest.mark.parametrize("name", ["../up", "a/b", "", ".hidden", "a" * 65, "名"])
def test_names_that_lead_elsewhere_are_refused(registry, name):
    with pytest.raises(WrongTypeError, match="expected at most 64 letters"):
        registry.add(SEALED / "linear.v1", name)


def test_an_altered_bundle_is_not_added(registry, tmp_path):
    folder = shutil.copytree(SEALED / "linear.v1", tmp_path / "altered")
    (folder / "predictor.json").write_text("{}", "utf-8")
    with pytest.raises(TamperedBundleError):
        registry.add(folder, "support")
    assert registry.names() == []


def test_what_a_killed_process_left_is_replaced(registry):
    """The folder is there before the database knows it: killed in between, the number is given again."""
    left = registry.folder / "support" / "1"
    left.mkdir(parents=True)
    (left / "half").write_text("a", "utf-8")
    version = registry.add(SEALED / "linear.v1", "support")
    assert not (version.folder / "half").exists()
    assert metier.load(version.folder).name == "tfidf_linear.v1"


def add_some(folder, names):
    registry = Registry(folder)
    for name in names:
        version = registry.add(SEALED / name, "support")
        registry.promote("support", version.number, force=True)


def test_several_writers_lose_and_double_nothing(registry):
    names = [["linear.v1", "constant.v1"], ["static.v1", "linear.v1"], ["lead.v1", "crf.v1"]]
    context = multiprocessing.get_context("spawn")
    workers = [context.Process(target=add_some, args=(registry.folder, some)) for some in names]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(120)
    assert [worker.exitcode for worker in workers] == [0, 0, 0]
    versions = registry.versions("support")
    assert [one.number for one in versions] == [1, 2, 3, 4, 5]
    assert len({one.fingerprint for one in versions}) == 5
    assert sum(one.action == "promote" for one in registry.history("support")) == 6
    assert sum(len(one.aliases) for one in versions) == 1


def test_it_needs_no_torch(registry):
    code = (
        "import sys; sys.modules['torch'] = None\n"
        f"from metier.registry.registry import Registry; print(Registry({str(registry.folder)!r}).names())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("nonsense", "is no URL of one; expected a URL such as sqlite:///registry.sqlite"),
        ("oracle9+none://host/name", "is no URL of one"),
        ("oracle9+none://me:hunter2@host/name", "is 'oracle9+none://me:***@host/name', which is no URL of one"),
        (
            "postgresql+psycopg://me:hunter2@host:port/name",
            "is 'postgresql+psycopg://…', which is no URL of one",
        ),
        ("sqlite:////no/such/folder/r.sqlite", "unable to open database file. See that it runs"),
    ],
)
def test_a_database_that_cannot_be_used_is_a_sentence(tmp_path, url, says):
    with pytest.raises((RegistryError, CallError), match=re.escape(says)):
        Registry(tmp_path / "registry", url=url)


def test_a_broken_database_is_a_sentence_and_stays_as_it_is(tmp_path):
    file = tmp_path / DATABASE
    file.write_bytes(b"junk" * 1_000)
    with pytest.raises(RegistryError, match=r"is not a database. Restore the file from a copy"):
        Registry(tmp_path)
    assert file.read_bytes() == b"junk" * 1_000
