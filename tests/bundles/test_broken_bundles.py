"""Whatever is wrong with the files of a bundle, loading it raises a BundleError with a sentence, and opens no pipe."""

import hashlib
import json
import os
import random
import shutil
import socket
from contextlib import suppress
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from metier.bundles import load_bundle
from metier.errors import BundleError, UnsafeFileError
from metier.predictors.loading import load_predictor
from metier.predictors.onnx.external_data import check_no_external_data
from metier.runs.run_folder import RunFolder

SEALED = Path(__file__).with_name("sealed_71959d8")
KINDS = json.loads((SEALED / "kinds.json").read_text("utf-8"))
VALUES = (None, True, -1, 0, 1e308, float("nan"), "x", "", [], {}, [None], {"a": 1}, 10**30)
GONE = object()


def seal_again(folder):
    """Write the hashes of the files as they are now, as somebody with bad intentions would."""
    path = folder / "manifest.json"
    facts = json.loads(path.read_text("utf-8"))
    facts["files"] = {
        one.relative_to(folder).as_posix(): {
            "sha256": hashlib.sha256(one.read_bytes()).hexdigest(),
            "size_bytes": one.stat().st_size,
        }
        for one in folder.rglob("*")
        if one.is_file() and one != path
    }
    path.write_text(json.dumps(facts), "utf-8")


def places(value, place=()):
    if place:
        yield place
    children = value.items() if isinstance(value, dict) else ()
    for key, child in enumerate(value[:2]) if isinstance(value, list) else children:
        yield from places(child, (*place, key))


def with_value(content, place, new):
    facts = json.loads(content)
    inside = facts
    for key in place[:-1]:
        inside = inside[key]
    if new is GONE:
        del inside[place[-1]]
    else:
        inside[place[-1]] = new
    return json.dumps(facts).encode()


def broken(content, *, is_json, chosen):
    """Give one of the ways to break a file."""
    flipped = bytearray(content or b"\0")
    flipped[chosen.randrange(len(flipped))] ^= 1 << chosen.randrange(8)
    ways = [b"", content[: len(content) // 2], content[:-1], b"null", bytes(flipped), b"[" * 100_000]
    if is_json:
        known = list(places(json.loads(content)))
        ways += [with_value(content, chosen.choice(known), value) for value in (*VALUES, GONE) if known]
    return chosen.choice(ways)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", KINDS)
def test_a_broken_file_is_a_bundle_error(name, tmp_path, monkeypatch, capfd):
    if name.startswith("torch"):
        pytest.importorskip("torch")
    monkeypatch.setenv("METIER_ENDPOINT_URL", "http://127.0.0.1:1/v1")
    folder, chosen = tmp_path / "bundle", random.Random(name)
    shutil.copytree(SEALED / name, folder)
    sealed = (folder / "manifest.json").read_bytes()
    files = [one for one in sorted(folder.rglob("*")) if one.is_file() and one.suffix != ".md"]
    for path in files * 2:
        content = path.read_bytes()
        path.write_bytes(broken(content, is_json=path.suffix == ".json", chosen=chosen))
        if path.name != "manifest.json":
            seal_again(folder)
        # Some changes are harmless, such as another number; anything but a BundleError fails the test.
        with suppress(BundleError):
            load_bundle(folder)
        path.write_bytes(content)
        (folder / "manifest.json").write_bytes(sealed)


@pytest.mark.parametrize(
    ("file", "content", "said"),
    [
        ("predictor.json", b"[" * 100_000, "is not JSON"),
        ("predictor.json", b'{"kind": "linear.v9", "labels": []}', "Install a newer metier"),
        ("manifest.json", b"[" * 100_000, "is not JSON"),
        ("vocabulary.json", b'{"words": [[]], "characters": []}', "unhashable"),
        ("weights.safetensors", b"\xff" * 8 + b"{" * 8, "linear predictor"),
    ],
)
def test_the_sentence_says_what_to_do(file, content, said, tmp_path):
    folder = tmp_path / "bundle"
    shutil.copytree(SEALED / "linear.v1", folder)
    (folder / file).write_bytes(content)
    with pytest.raises(BundleError, match=f"{said}.*source again"):
        load_bundle(folder, verify=False)


def make_pipe(path):
    os.mkfifo(path)


def make_socket(path):
    here = Path.cwd()
    os.chdir(path.parent)  # A socket's path may have 107 bytes.
    try:
        with socket.socket(socket.AF_UNIX) as bound:
            bound.bind(path.name)
    finally:
        os.chdir(here)


def make_device(path):
    path.symlink_to("/dev/zero")


def make_link_out(path):
    other = path.parent.parent / "outside.json"
    other.write_text("{}", "utf-8")
    path.symlink_to(other)


@pytest.mark.timeout(20)
@pytest.mark.parametrize("make", [make_pipe, make_socket, make_device, make_link_out])
@pytest.mark.parametrize("verify", [True, False])
@pytest.mark.parametrize("file", ["manifest.json", "vocabulary.json", "predictor.json", "added.json"])
def test_only_regular_files_are_opened(make, verify, file, tmp_path):
    folder = tmp_path / "bundle"
    shutil.copytree(SEALED / "linear.v1", folder)
    (folder / file).unlink(missing_ok=True)
    make(folder / file)
    with pytest.raises(BundleError):
        load_bundle(folder, verify=verify)


@pytest.mark.timeout(20)
def test_a_predictor_and_a_run_open_no_pipe(tmp_path):
    folder = tmp_path / "run" / "candidates" / "linear.v1"
    shutil.copytree(SEALED / "linear.v1", folder)
    (folder / "weights.safetensors").unlink()
    os.mkfifo(folder / "weights.safetensors")
    (tmp_path / "run" / "settings.yaml").write_text("{}", "utf-8")
    with pytest.raises(UnsafeFileError, match="a named pipe"):
        load_predictor(folder)
    with pytest.raises(UnsafeFileError, match="a named pipe"):
        RunFolder.open(tmp_path / "run")


def test_the_best_of_a_run_is_inside_it(tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "best").symlink_to(SEALED / "linear.v1")
    with pytest.raises(UnsafeFileError, match="leads out of its run"):
        load_bundle(tmp_path / "run")


def external(name="w"):
    tensor = numpy_helper.from_array(np.ones((2, 2), np.float32), name)
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="../../secret")
    return tensor


def graph_of(nodes=(), initializer=(), name="g"):
    value = helper.make_tensor_value_info("y", TensorProto.FLOAT, None)
    return helper.make_graph(list(nodes), name, [], [value], initializer=list(initializer))


def in_constant():
    return graph_of([helper.make_node("Constant", [], ["y"], value=external())])


def in_subgraph():
    branch = graph_of(initializer=[external()])
    return graph_of([helper.make_node("If", ["c"], ["y"], then_branch=branch, else_branch=graph_of())])


def in_sparse():
    graph = graph_of()
    graph.sparse_initializer.add(values=external(), dims=[2, 2])
    return graph


@pytest.mark.parametrize(
    "make", [lambda: graph_of(initializer=[external()]), in_constant, in_subgraph, in_sparse]
)
def test_external_data_is_refused_before_the_runtime(make, tmp_path, monkeypatch):
    folder = tmp_path / "bundle"
    shutil.copytree(SEALED / "onnx_encoder.v1", folder)
    (folder / "model.onnx").write_bytes(helper.make_model(make()).SerializeToString())
    seal_again(folder)
    monkeypatch.setattr("onnxruntime.InferenceSession", lambda *_, **__: pytest.fail("reached onnxruntime"))
    with pytest.raises(UnsafeFileError, match="keeps weights in other files"):
        load_bundle(folder)
    with pytest.raises(UnsafeFileError, match="keeps weights in other files"):
        load_predictor(folder)


def test_external_data_in_a_function_is_found(tmp_path):
    node = helper.make_node("Constant", [], ["y"], value=external())
    function = helper.make_function("d", "f", [], ["y"], [node], [helper.make_opsetid("", 20)])
    path = tmp_path / "model.onnx"
    path.write_bytes(helper.make_model(graph_of(), functions=[function]).SerializeToString())
    with pytest.raises(UnsafeFileError):
        check_no_external_data(path)


@pytest.mark.parametrize("path", sorted(SEALED.glob("onnx_*/model.onnx")), ids=lambda path: path.parent.name)
def test_whole_graphs_pass_and_cut_ones_do_not(path, tmp_path):
    check_no_external_data(path)
    assert not any(one.external_data for one in onnx.load(path).graph.initializer)
    cut = tmp_path / "model.onnx"
    cut.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(BundleError, match="cut off"):
        check_no_external_data(cut)
