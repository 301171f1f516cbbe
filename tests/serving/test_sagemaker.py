from metier.serving import build_app


def test_ping_says_whether_the_model_is_loaded(start, model):
    client = start(build_app(lambda: model))
    answer = client.get("/ping")
    assert (answer.status_code, answer.content) == (200, b"")

    def load():
        raise ValueError("no such file")

    broken = start(build_app(load), until=503)
    assert broken.get("/ping").status_code == 503


def test_invocations_answer_as_predict_does(start, model):
    client = start(build_app(lambda: model))
    asked = {"texts": ["my card", "a refund"]}
    one, other = (client.post(path, json=asked).json() for path in ("/invocations", "/v1/predict"))
    assert [answer["label"] for answer in one["answers"]] == ["card_arrival", "refund"]
    for answer in (*one["answers"], *other["answers"]):
        assert answer.pop("prediction_id")
    assert one["answers"] == other["answers"]
    assert client.post("/invocations", json={"txt": "a"}).status_code == 422
