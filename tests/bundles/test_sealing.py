import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from metier.bundles import load_bundle, read_manifest, seal, verify
from metier.bundles.manifest import MANIFEST_FILE
from metier.errors import BundleError, TamperedBundleError, UnsafeFileError


def test_manifest_holds_the_hash_and_size_of_every_other_file(bundle):
    manifest = verify(bundle)
    files = {path.relative_to(bundle).as_posix(): path for path in bundle.rglob("*") if path.is_file()}
    del files[MANIFEST_FILE]
    assert manifest.files.keys() == files.keys()
    for name, path in files.items():
        assert manifest.files[name].sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
        assert manifest.files[name].size_bytes == path.stat().st_size


def test_the_manifest_round_trips(bundle):
    manifest = read_manifest(bundle)
    assert manifest.format_version == 1
    assert manifest.task.labels == ("age_limit", "card_arrival", "exchange_rate")
    assert manifest.metrics["test"]["accuracy"] == {"value": 0.94, "low": 0.9, "high": 0.97}
    assert manifest.measured.latency_ms.p50 == 0.081
    assert manifest.created.tzinfo is not None


@pytest.mark.parametrize("name", ["weights.safetensors", "vocabulary.json", "predictor.json", "README.md"])
def test_one_altered_byte_is_reported(bundle, name):
    content = bytearray((bundle / name).read_bytes())
    content[-3] ^= 1
    (bundle / name).write_bytes(content)
    with pytest.raises(TamperedBundleError, match=f"altered: {name}"):
        load_bundle(bundle)


def test_missing_and_added_files_are_reported(bundle):
    (bundle / "idf.safetensors").unlink()
    (bundle / "notes").mkdir()
    (bundle / "notes" / "more.json").write_text("{}")
    with pytest.raises(TamperedBundleError) as caught:
        load_bundle(bundle)
    assert "missing: idf.safetensors" in str(caught.value)
    assert "added: notes/more.json" in str(caught.value)


def test_sealing_again_takes_the_current_files(bundle, facts_of):
    (bundle / "notes.md").write_text("trained again")
    seal(bundle, facts_of(bundle, method_params={"C": 3.0}))
    manifest = verify(bundle)
    assert "notes.md" in manifest.files
    assert manifest.method_params == {"C": 3.0}


def test_facts_of_another_predictor_are_refused(bundle, facts_of):
    facts = facts_of(bundle, task={"name": "classification", "labels": ["a", "b"]})
    with pytest.raises(BundleError, match="labels differ"):
        seal(bundle, facts)


def test_a_later_format_asks_for_a_newer_release(bundle):
    facts = json.loads((bundle / MANIFEST_FILE).read_text())
    (bundle / MANIFEST_FILE).write_text(json.dumps(facts | {"format_version": 99, "files": None}))
    with pytest.raises(BundleError, match=r"format 99.*newer metier"):
        load_bundle(bundle)


def test_unknown_fields_of_the_same_format_are_ignored(bundle):
    facts = json.loads((bundle / MANIFEST_FILE).read_text())
    (bundle / MANIFEST_FILE).write_text(json.dumps(facts | {"colour": "blue"}))
    assert read_manifest(bundle).name == "tfidf_linear.v1"


@pytest.mark.parametrize("content", ["{", "[]", '{"name": "x"}', "\x00\x01", '{"files": {}}'])
def test_a_broken_manifest_is_a_bundle_error(bundle, content):
    (bundle / MANIFEST_FILE).write_text(content)
    with pytest.raises(BundleError, match=MANIFEST_FILE):
        load_bundle(bundle)


def test_a_manifest_that_could_not_be_replaced_is_unchanged(bundle, monkeypatch, facts_of):
    before = (bundle / MANIFEST_FILE).read_bytes()

    def full(self, target):
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(OSError, match="the disk is full"):
        seal(bundle, facts_of(bundle))
    monkeypatch.undo()
    assert (bundle / MANIFEST_FILE).read_bytes() == before
    verify(bundle)


SEAL = """
import sys
from pathlib import Path
from metier.bundles import load_bundle, seal
from metier.bundles.manifest import ManifestFacts, read_manifest
folder = Path(sys.argv[1])
facts = ManifestFacts(**{name: value for name, value in read_manifest(folder) if name in ManifestFacts.model_fields})
print("ready", flush=True)
sys.stdin.readline()
for _ in range(15):
    seal(folder, facts)
    load_bundle(folder)
"""


def test_processes_that_seal_and_load_one_bundle_at_once_do_not_disturb_one_another(bundle):
    running = [
        subprocess.Popen(
            [sys.executable, "-c", SEAL, str(bundle)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    assert [one.stdout.readline() for one in running] == ["ready\n"] * 2
    for one in running:
        one.stdin.write("\n")
        one.stdin.flush()
    said = [one.communicate(timeout=120) for one in running]
    assert [one.returncode for one in running] == [0, 0], said
    assert not [*bundle.glob(".*")]
    verify(bundle)


def test_a_manifest_that_a_kill_left_half_written_is_no_part_of_the_bundle(bundle, facts_of):
    left = bundle / ".manifest.json.4194303-0123abcd.partial"
    left.write_text("{", encoding="utf-8")
    load_bundle(bundle)
    assert left.name not in verify(bundle).files
    seal(bundle, facts_of(bundle))
    assert not left.exists()
    (bundle / ".weights.4194303-0123abcd.partial").write_text("{", encoding="utf-8")
    with pytest.raises(UnsafeFileError, match="not allowed in a bundle"):
        load_bundle(bundle)
