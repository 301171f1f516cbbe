"""Answers as tensors of the Open Inference Protocol, and what a model states of its tensors."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from metier.errors import quoted, suggest
from metier.serving.answering import AnswersInForm
from metier.serving.models import Model
from metier.serving.open_inference.questions import PLACE_WIDTH, takes
from metier.serving.open_inference.tensors import wrong

PLATFORM = "metier_bundle"
OF_TYPE: Mapping[Any, str] = {str: "BYTES", bool: "BOOL", int: "INT64", float: "FP32"}
OF_EVERY = {"answered_by": "BYTES", "prediction_id": "BYTES"}


def write_tensors(records: Sequence[Mapping[str, Any]], wanted: Sequence[str] | None) -> list[dict[str, Any]]:
    """Give a tensor for each field of answers: texts as `BYTES`, numbers as `FP32` or `INT64`, the rest as JSON in `BYTES`.

    Raises
    ------
    RefusalError
        If a tensor is wanted that there is not (422).
    """
    fields = list(dict.fromkeys(name for record in records for name in record))
    unknown = next((name for name in wanted or () if name not in fields), None)
    if unknown is not None:
        fault = f"there is no output {quoted(unknown)}.{suggest(unknown, fields)} Known: {', '.join(fields)}"
        raise wrong("outputs", fault)
    return [_tensor(name, [record.get(name) for record in records]) for name in wanted or fields]


def _tensor(name: str, values: list[Any]) -> dict[str, Any]:
    types = {type(value) for value in values}
    datatype = "FP32" if types == {int, float} else OF_TYPE.get(next(iter(types))) if len(types) == 1 else None
    if datatype is None:
        datatype, values = "BYTES", [json.dumps(value, ensure_ascii=False) for value in values]
    return {"name": name, "shape": [len(values)], "datatype": datatype, "data": values}


def model_metadata(model: Model, versions: Sequence[int]) -> dict[str, Any]:
    """Give what the protocol asks of a model: its versions, and the tensors that it takes and gives."""
    kind = model.engine.input_kind
    inputs = [
        {"name": name, "datatype": datatype, "shape": [-1] if datatype == "BYTES" else [-1, PLACE_WIDTH]}
        | ({"parameters": {"optional": True}} if name in kind.optional_keys else {})
        for name, datatype in takes(kind).items()
    ]
    outputs = [{"name": name, "datatype": datatype, "shape": [-1]} for name, datatype in _gives(model).items()]
    return {
        "name": model.name,
        "versions": [str(one) for one in versions],
        "platform": PLATFORM,
        "inputs": inputs,
        "outputs": outputs,
    }


def _gives(model: Model) -> dict[str, str]:
    loaded = model.engine.check_ready()
    if not isinstance(loaded, AnswersInForm):
        return {"label": "BYTES", "probability": "FP32", **OF_EVERY}
    return {name: OF_TYPE.get(of, "BYTES") for name, (of, _) in loaded.answer_kind.record.items()} | OF_EVERY
