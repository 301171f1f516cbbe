import contextlib
import gzip
import hashlib
import json
import os
import pickle
import subprocess
import sys
import textwrap
import zipfile
import zlib

import numpy as np
import pytest

from metier.bundles import load_bundle, seal, verify
from metier.bundles.manifest import MANIFEST_FILE
from metier.bundles.safety import check_is_data
from metier.errors import UnsafeFileError


class Trap:
    """Leaves a mark when it is unpickled."""

    def __init__(self, mark):
        self.mark = str(mark)

    def __reduce__(self):
        return os.mkdir, (self.mark,)


def trapped_archive(path, mark):
    with zipfile.ZipFile(path, "w") as archive:  # What torch.save writes, as far as a loader looks.
        archive.writestr("archive/data.pkl", pickle.dumps(Trap(mark)))
    return path.read_bytes()


def test_the_trap_works(tmp_path):
    pickle.loads(pickle.dumps(Trap(tmp_path / "mark")))
    assert (tmp_path / "mark").is_dir()


def trap_bytes(kind, tmp_path, mark):
    trap = Trap(mark)
    if kind == "pickle of protocol 0":
        return pickle.dumps(trap, protocol=0)
    if kind == "pickle":
        return pickle.dumps(trap)
    if kind == "torch archive":
        return trapped_archive(tmp_path / "archive", mark)
    if kind == "gzip":
        return gzip.compress(pickle.dumps(trap))
    return zlib.compress(pickle.dumps(trap))


@pytest.mark.parametrize("kind", ["pickle", "pickle of protocol 0", "torch archive", "gzip", "zlib"])
@pytest.mark.parametrize("name", ["extra.pkl", "model.pt", "weights.joblib", "pytorch_model.bin", "last.ckpt"])
@pytest.mark.parametrize("listed", [False, True])
def test_a_malicious_file_is_refused_and_never_runs(bundle, tmp_path, kind, name, listed, facts_of):
    mark = tmp_path / "mark"
    (bundle / name).write_bytes(trap_bytes(kind, tmp_path, mark))
    if listed:
        list_in_manifest(bundle, name)
    with pytest.raises(UnsafeFileError, match=name):
        load_bundle(bundle)
    with pytest.raises(UnsafeFileError, match=name):
        seal(bundle, facts_of(bundle))
    assert not mark.exists()


@pytest.mark.parametrize("kind", ["pickle", "torch archive", "gzip", "zlib"])
@pytest.mark.parametrize("name", ["weights.safetensors", "idf.safetensors", "vocabulary.json", "model.onnx"])
@pytest.mark.parametrize("checked", [False, True])
def test_a_malicious_file_with_a_harmless_name_never_runs(bundle, tmp_path, kind, name, checked):
    mark = tmp_path / "mark"
    (bundle / name).write_bytes(trap_bytes(kind, tmp_path, mark))
    list_in_manifest(bundle, name)
    if checked:
        with pytest.raises(UnsafeFileError, match=name):
            load_bundle(bundle)
    else:
        # The parser of that file may say what it likes; what matters is that nothing ran.
        with contextlib.suppress(Exception):
            load_bundle(bundle, verify=False)
    assert not mark.exists()


def list_in_manifest(bundle, name):
    """Do what an attacker does: write the hash of the added file to the manifest."""
    facts = json.loads((bundle / MANIFEST_FILE).read_text())
    content = (bundle / name).read_bytes()
    facts["files"][name] = {"sha256": hashlib.sha256(content).hexdigest(), "size_bytes": len(content)}
    (bundle / MANIFEST_FILE).write_text(json.dumps(facts))


def test_a_malicious_bundle_is_refused_before_anything_is_imported_to_load_it(bundle, tmp_path):
    (bundle / "extra.pkl").write_bytes(pickle.dumps(Trap(tmp_path / "mark")))
    program = f"""
        import sys
        import pickle
        def forbidden(*_, **__):
            raise SystemExit("something unpickled")
        pickle.load = pickle.loads = pickle.Unpickler = forbidden
        from metier.bundles import load_bundle
        from metier.errors import UnsafeFileError
        try:
            load_bundle({str(bundle)!r})
        except UnsafeFileError:
            sys.exit(0 if "metier.predictors.linear.linear_predictor" not in sys.modules else "loaded")
    """
    subprocess.run([sys.executable, "-c", textwrap.dedent(program)], check=True, timeout=60)
    assert not (tmp_path / "mark").exists()


@pytest.mark.parametrize("name", ["run.py", "run.sh", "lib.so", "weights", "notes.html", "a.PKL", "x.h5"])
def test_kinds_that_are_not_allowed_are_refused(bundle, name):
    (bundle / name).write_text("harmless to look at")
    with pytest.raises(UnsafeFileError, match=name):
        verify(bundle)


def test_arrays_of_numbers_are_data_and_arrays_of_objects_are_not(tmp_path):
    np.save(tmp_path / "numbers.npy", np.arange(3))
    np.savez(tmp_path / "numbers.npz", a=np.arange(3), b=np.ones(2, dtype=np.float32))
    np.save(tmp_path / "objects.npy", np.array([{}], dtype=object))
    np.savez(tmp_path / "objects.npz", a=np.arange(3), b=np.array([{}], dtype=object))
    for name in ("numbers.npy", "numbers.npz"):
        check_is_data(tmp_path / name)
    for name in ("objects.npy", "objects.npz"):
        with pytest.raises(UnsafeFileError, match="Python objects"):
            check_is_data(tmp_path / name)
    trapped_archive(tmp_path / "trap.npz", tmp_path / "mark")
    with pytest.raises(UnsafeFileError, match=r"data\.pkl"):
        check_is_data(tmp_path / "trap.npz")
    (tmp_path / "empty.npy").write_bytes(b"")
    with pytest.raises(UnsafeFileError, match="not an array"):
        check_is_data(tmp_path / "empty.npy")


def test_a_link_out_of_the_bundle_is_refused(bundle, tmp_path):
    outside = tmp_path / "secret.json"
    outside.write_text("{}")
    (bundle / "inside.json").symlink_to(outside)
    with pytest.raises(UnsafeFileError, match="a link to"):
        verify(bundle)
    (bundle / "inside.json").unlink()
    (bundle / "folder").symlink_to(tmp_path)
    with pytest.raises(UnsafeFileError, match="a link to"):
        verify(bundle)


def test_a_link_inside_the_bundle_is_allowed(bundle, facts_of):
    (bundle / "copy.md").symlink_to("README.md")
    seal(bundle, facts_of(bundle))
    assert verify(bundle).files["copy.md"].sha256 == verify(bundle).files["README.md"].sha256
