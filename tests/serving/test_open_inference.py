"""The Open Inference Protocol: questions and answers as tensors, and a sentence for those that contradict themselves."""

import json
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from metier.bundles import load_bundle
from metier.cli.loaded_registry import loaded_registry
from metier.cli.served import loads_of
from metier.registry.registry import Registry
from metier.serving import ServingSettings, build_app
from metier.serving.open_inference.questions import read_inference
from metier.serving.refusals import RefusalError
from metier.tasks.inputs import INPUTS

SEALED = Path(__file__).parents[1] / "bundles" / "sealed_71959d8"
SERVED = {
    "intents": "linear.v1",
    "pairs": "pair_linear.v1",
    "reader": "passage_phrase.v1",
    "relations": "relation_linear.v1",
    "tags": "crf.v1",
    "several": "many_labels_linear.v1",
    "numbers": "score_linear.v1",
    "replies": "nearest_reply.v1",
}
TEXTS = ["my card never came", "a refund please"]


def text(data, shape=None, name="text", datatype="BYTES"):
    return {"name": name, "shape": shape or [len(data)], "datatype": datatype, "data": data}


def tensors(response):
    assert response.status_code == 200, response.text
    return {one["name"]: one["data"] for one in response.json()["outputs"]}


@pytest.fixture(scope="module")
def client():
    load = loads_of([f"{name}={SEALED / kind}" for name, kind in SERVED.items()])
    with TestClient(build_app(load, ServingSettings(max_rows=100))) as made:
        while made.get("/v2/health/ready").status_code != 200:
            pass
        yield made


def infer(client, model, *inputs, **more):
    return client.post(f"/v2/models/{model}/infer", json={"inputs": list(inputs), **more})


def test_answers_are_those_of_the_bundle(client):
    expected = load_bundle(SEALED / "linear.v1").predict(TEXTS)
    response = infer(client, "intents", text(TEXTS), id="42")
    found = tensors(response)
    assert found["label"] == expected.predicted
    assert found["probability"] == pytest.approx(expected.probabilities.max(axis=1), abs=1e-6)
    body = response.json()
    assert (body["model_name"], body["id"]) == ("intents", "42")
    assert [(one["name"], one["datatype"], one["shape"]) for one in body["outputs"]][:2] == [
        ("label", "BYTES", [2]),
        ("probability", "FP32", [2]),
    ]
    assert len(set(found["prediction_id"])) == 2


@pytest.mark.parametrize(
    ("data", "shape"),
    [
        (TEXTS[0], [1]),
        (TEXTS[0], []),
        ([TEXTS[0]], [1]),
        ([TEXTS[0]], [1, 1]),
        ([[TEXTS[0]]], [1, 1]),
        ([TEXTS[0]], None),
        (TEXTS[0], None),
    ],
)
def test_a_text_is_a_scalar_or_a_list(client, data, shape):
    tensor = {"name": "text", "datatype": "BYTES", "data": data} | ({} if shape is None else {"shape": shape})
    assert (
        tensors(infer(client, "intents", tensor))["label"]
        == tensors(infer(client, "intents", text(TEXTS)))["label"][:1]
    )


def test_tasks_of_several_parts_take_several_tensors(client):
    pairs = tensors(
        infer(client, "pairs", text(["a card", "a card"]), text(["a card", "no"], name="text_pair"))
    )
    assert len(pairs["label"]) == 2
    question, passage = "Where is the card?", "The card is in the drawer."
    read = tensors(infer(client, "reader", text([question], name="question"), text([passage], name="passage")))
    assert passage[read["start"][0] :].startswith(read["answer"][0])
    head, tail = text([[0, 4]], [1, 2], "head", "INT64"), text([12, 16], [1, 2], "tail", "INT32")
    assert len(tensors(infer(client, "relations", text(["Acme bought Bolt"]), head, tail))["label"]) == 1


def test_what_is_no_text_and_no_number_is_json(client):
    spans = tensors(infer(client, "tags", text(["Anna lives in Paris", ""])))["spans"]
    assert all(isinstance(json.loads(one), list) for one in spans)
    assert isinstance(json.loads(tensors(infer(client, "several", text(TEXTS)))["labels"][0]), dict)
    numbers = infer(client, "numbers", text(TEXTS)).json()["outputs"]
    assert "FP32" in {one["datatype"] for one in numbers}
    messages = json.dumps([{"role": "user", "content": "hello"}])
    conversation = infer(client, "replies", text([messages], name="messages"))
    assert tensors(conversation)["text"] == tensors(infer(client, "replies", text(["hello"])))["text"]


def test_wanted_outputs_and_top(client):
    wanted = infer(client, "intents", text(TEXTS), outputs=[{"name": "probability"}])
    assert list(tensors(wanted)) == ["probability"]
    top = tensors(infer(client, "intents", text(TEXTS), parameters={"top": 2}))["probabilities"]
    assert [len(json.loads(one)) for one in top] == [2, 2]


@pytest.mark.parametrize(
    ("inputs", "says"),
    [
        (None, "expected a list of tensors"),
        ([], "expected a list of tensors"),
        ([3], "expected a tensor with name, shape, datatype and data"),
        ([{"name": "text", "shape": [1], "datatype": "BYTES"}], "the data is missing"),
        ([text(TEXTS, [3])], "a shape of [3] holds 3 values, and the data has 2"),
        ([text(TEXTS, [-1])], "expected a list of sizes"),
        ([text(TEXTS, [True, 2])], "expected a list of sizes"),
        ([text(TEXTS, [2], datatype="STRING")], "there is no datatype 'STRING'"),
        ([text(TEXTS, [2], datatype="BYTE")], "Did you mean 'BYTES'?"),
        ([text(TEXTS, [2], datatype=7)], "there is no datatype 7"),
        ([text([1, 2])], "1 is no value of the datatype BYTES"),
        ([text([1.5, 2.0], datatype="FP32")], "the input 'text' is FP32; expected BYTES"),
        ([text(TEXTS, [1, 2])], "several values a row"),
        ([text(TEXTS, name="txt")], "Did you mean 'text'?"),
        ([text(TEXTS), text(TEXTS)], "is given twice"),
        ([text([], [0])], "have no rows"),
        ([text(["a"] * 101)], "101 rows in one request; 100 are allowed"),
        ([text(TEXTS, name="")], "expected the name of the tensor"),
    ],
)
def test_a_tensor_that_contradicts_itself_gets_a_sentence(client, inputs, says):
    response = client.post("/v2/models/intents/infer", json={"inputs": inputs})
    assert response.status_code in (413, 422)
    assert list(response.json()) == ["error"]
    assert says in response.json()["error"]


def test_missing_and_unequal_inputs(client):
    assert "'text_pair' is missing" in infer(client, "pairs", text(TEXTS)).json()["error"]
    unequal = infer(client, "pairs", text(TEXTS), text(["a"], name="text_pair")).json()["error"]
    assert "text has 2, text_pair has 1" in unequal
    assert "is blank" in infer(client, "pairs", text(["a"]), text([" "], name="text_pair")).json()["error"]
    wrong = infer(client, "intents", text(TEXTS), outputs=[{"name": "lable"}]).json()["error"]
    assert "Did you mean 'label'?" in wrong
    for field, value in {"outputs": 3, "parameters": [], "id": 4}.items():
        assert field in infer(client, "intents", text(TEXTS), **{field: value}).json()["error"]


def test_errors_are_a_text_whatever_is_wrong(client):
    for response in (
        client.post("/v2/models/intents/infer", content=b"{"),
        client.post("/v2/models/intents/infer", content=b"[]"),
        client.post("/v2/models/intent/infer", json={}),
        client.post("/v2/models/../infer", json={}),
        client.get("/v2/models/intents/versions/1"),
        client.get("/v2/nothing"),
        client.get("/v2/models/intents/infer"),
    ):
        assert response.status_code in (400, 404, 405, 422)
        if response.request.url.path.startswith("/v2"):
            assert isinstance(response.json()["error"], str)


def test_health_metadata_and_index(client):
    assert client.get("/v2").json()["name"] == "metier"
    assert client.get("/v2/health/live").json() == {"live": True}
    assert client.get("/v2/health/ready").json() == {"ready": True}
    assert client.get("/v2/models/pairs/ready").json() == {"name": "pairs", "ready": True}
    pairs = client.get("/v2/models/pairs").json()
    assert [(one["name"], one["datatype"]) for one in pairs["inputs"]] == [
        ("text", "BYTES"),
        ("text_pair", "BYTES"),
    ]
    assert {"name": "probability", "datatype": "FP32", "shape": [-1]} in pairs["outputs"]
    assert client.get("/v2/models/relations").json()["inputs"][1] == {
        "name": "head",
        "datatype": "INT64",
        "shape": [-1, 2],
    }
    listed = client.post("/v2/repository/index").json()
    assert {one["name"]: one["state"] for one in listed} == dict.fromkeys(SERVED, "READY")
    assert client.post("/v2/repository/index", json={"ready": True}).json() == listed
    assert client.post("/v2/repository/index", json={"ready": 1}).status_code == 422


def test_versions_of_a_registry(tmp_path, start):
    registry = Registry(tmp_path / "registry")
    for kind in ("linear.v1", "constant.v1"):
        registry.add(SEALED / kind, "support")
    registry.promote("support", 2, force=True)
    client = start(build_app(loaded_registry(registry.folder, ["support", "support/1"])))
    assert client.get("/v2/models/support").json()["versions"] == ["2", "1"]
    for path, version in {"support": "2", "support/versions/1": "1", "support@champion": "2"}.items():
        answer = client.post(f"/v2/models/{path}/infer", json={"inputs": [text(TEXTS)]}).json()
        assert (answer["model_name"], answer["model_version"]) == ("support", version)
    assert client.get("/v2/models/support/versions/1/ready").status_code == 200
    assert client.get("/v2/models/support/versions/3/ready").status_code == 404
    listed = client.get("/v1/models").json()
    assert [(one["id"], one["version"]) for one in listed["data"]] == [("support", 2), ("support/1", 1)]
    assert client.get("/v1/models/support@champion").json()["version"] == 2


@pytest.mark.parametrize("kind", INPUTS.values(), ids=INPUTS)
@pytest.mark.parametrize(
    "inputs", [[], [text([1], datatype="INT8")], [text(["a"], name="nothing")], {"text": "a"}]
)
def test_what_no_tensor_is_gets_a_refusal_for_every_task(kind, inputs):
    with pytest.raises(RefusalError) as caught:
        read_inference(json.dumps({"inputs": inputs}).encode(), ServingSettings(), kind, takes_blanks=True)
    assert caught.value.status == 422
