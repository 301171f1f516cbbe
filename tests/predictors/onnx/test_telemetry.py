"""ONNX Runtime sends nothing and keeps no identifier of the machine."""

import os
import subprocess
import sys

import onnx
from onnx import TensorProto, helper


def test_opening_a_session_leaves_no_identifier_behind(tmp_path):
    info = helper.make_tensor_value_info
    graph = helper.make_graph(
        [helper.make_node("Identity", ["given"], ["found"])],
        "same",
        [info("given", TensorProto.FLOAT, [1])],
        [info("found", TensorProto.FLOAT, [1])],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.save(model, str(tmp_path / "model.onnx"))
    (home := tmp_path / "home").mkdir()
    program = (
        "from pathlib import Path; from metier.predictors.onnx.graph_session import open_session;"
        "open_session(Path('model.onnx'), threads=1)"
    )
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("XDG_") and name != "ORT_DISABLE_TELEMETRY"
    }
    environment = kept | {"HOME": str(home)}
    subprocess.run([sys.executable, "-c", program], cwd=tmp_path, env=environment, check=True)
    assert list(home.rglob("*onnxruntime*")) == []
