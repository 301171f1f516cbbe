"""AutoGluon-MultiModal on texts, images, or both: late fusion by its `fusion_mlp`, from the same two bases.

Its preset for networks of this size, `medium_quality` (at most 20 epochs, batches of 128 in steps of 8, a rate of 4e-4
that falls with depth, a soup of the three best states by validation); texts are pooled by the mean, as the base was
trained, where its default is the first token. What it would take from the hub for itself is not given to it: there is no
network, and the point is what each side makes of the same bases. `hyperparameters` in the options overrule.
"""

from benchmarks.peers.task import Task

TASK = Task.asked()

import json  # noqa: E402
import logging  # noqa: E402
from collections.abc import Callable  # noqa: E402
from pathlib import Path  # noqa: E402
from typing import Any  # noqa: E402

import torch  # noqa: E402

from benchmarks.peers.whole_runs import Row, answer_rows, answers_rows, learn, read_rows, size_mb  # noqa: E402

# torchvision, which it imports, looks for operators that a CPU build of torch does not bring.
_LIBRARY = torch.library.Library("torchvision", "DEF")
_LIBRARY.define("nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
_LIBRARY.define("qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")

import pandas  # noqa: E402
from autogluon.multimodal import MultiModalPredictor  # noqa: E402

NETWORK = "tf_efficientnet_lite0"  # What timm calls the network of the weights.
TYPES = {"text": "text", "image": "image_path", "label": "categorical"}


def main() -> None:
    """Learn from rows, or answer single ones."""
    torch.set_num_threads(TASK.threads)
    logging.disable(logging.WARNING)
    assert TASK.keep is not None
    if answers_rows():
        answer_rows(TASK, load)
    else:
        learn(TASK, fit, predict, packages=("torch", "autogluon.multimodal", "timm"))


def fit() -> tuple[MultiModalPredictor, dict[str, Any]]:
    """Train with validation as its tuning data, and keep the model."""
    assert TASK.keep is not None
    rows, columns = table(TASK.train), read_rows(TASK.train)[0][0]
    types = {name: TYPES[name] for name in (*columns, "label")}
    predictor = MultiModalPredictor(
        label="label", problem_type="multiclass", path=str(TASK.keep / "model"), verbosity=0
    )
    predictor.fit(
        rows,
        tuning_data=table(TASK.validation),
        column_types=types,
        seed=TASK.seed,
        presets="medium_quality",
        hyperparameters={
            **towers(tuple(columns)),
            "env.num_workers": 0,
            "env.num_workers_inference": 0,
            "env.accelerator": "cpu",
            **TASK.options.get("hyperparameters", {}),
        },
    )
    return predictor, {"size_mb": size_mb(TASK.keep / "model")}


def table(path: Path) -> pandas.DataFrame:
    """Rows of a file with their labels."""
    rows, labels = read_rows(path)
    return pandas.DataFrame([{**row, "label": label} for row, label in zip(rows, labels, strict=True)])


def towers(columns: tuple[str, ...]) -> dict[str, Any]:
    """Say which models read the columns, each from its base."""
    chosen: dict[str, Any] = {"model.names": []}
    if "text" in columns:
        chosen["model.names"].append("hf_text")
        chosen |= {"model.hf_text.checkpoint_name": str(TASK.base), "model.hf_text.pooling_mode": "mean"}
    if "image" in columns:
        chosen["model.names"].append("timm_image")
        chosen["model.timm_image.checkpoint_name"] = str(network_folder())
    if len(columns) > 1:
        chosen["model.names"].append("fusion_mlp")
    return chosen


def network_folder() -> Path:
    """Write the weights as a folder of timm's: its layers stand in the order of the file, under other names."""
    import timm

    assert TASK.image_base is not None
    assert TASK.keep is not None
    folder = TASK.keep / "network"
    folder.mkdir()
    network = timm.create_model(NETWORK, num_classes=0)
    names = network.state_dict()
    given = list(torch.load(TASK.image_base, map_location="cpu", weights_only=True).values())[: len(names)]
    network.load_state_dict(dict(zip(names, given, strict=True)))  # Refuses another shape.
    torch.save(network.state_dict(), folder / "pytorch_model.bin")
    own = {name: network.default_cfg[name] for name in ("input_size", "interpolation", "crop_pct", "pool_size")}
    colours = {"mean": [127 / 255] * 3, "std": [128 / 255] * 3}  # As the weights were trained.
    config = {
        "architecture": NETWORK,
        "num_classes": 0,
        "num_features": network.num_features,
        "pretrained_cfg": {**own, **colours, "architecture": NETWORK},
    }
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    return folder


def predict(predictor: MultiModalPredictor, rows: list[Row]) -> list[str]:
    """Give the labels of rows."""
    return list(predictor.predict(pandas.DataFrame(rows)))


def load() -> dict[str, Callable[[Row], Any]]:
    """Give the ways that it answers one row: by default, without a trainer (`realtime`), and by its ONNX graph."""
    assert TASK.keep is not None
    path = str(TASK.keep / "model")
    predictor = MultiModalPredictor.load(path, verbosity=0)
    ways: dict[str, Callable[[Row], Any]] = {
        "predict": lambda row: predictor.predict_proba(pandas.DataFrame([row])),
        "realtime": lambda row: predictor.predict_proba(pandas.DataFrame([row]), realtime=True),
    }
    optimised = MultiModalPredictor.load(path, verbosity=0)
    try:
        optimised.optimize_for_inference(providers=["CPUExecutionProvider"])
        optimised.predict_proba(pandas.DataFrame(read_rows(TASK.test)[0][:1]), realtime=True)
    except Exception as error:  # Of its own; the other ways still answer.
        print(f"onnx: {error!r}")
        return ways
    return {**ways, "onnx": lambda row: optimised.predict_proba(pandas.DataFrame([row]), realtime=True)}


if __name__ == "__main__":
    main()
