"""Every method of the catalogue, made cheap, and real rows to train it on.

A method is in these checks by its row in the catalogue and in the table of tasks; what no task has by default is in
them by its line in `ALSO`. What makes a method cheap follows from the settings that it takes.
"""

import base64
import csv
import json
import re
import subprocess
import sys
import threading
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import metier
from metier import catalogue
from metier.bases.known_base import known_base
from metier.bundles import ManifestFacts, seal
from metier.data.knowledge import Concept, KnowledgeGraph
from metier.data.knowledge.graph import Statement
from metier.predictors.loading import read_settings
from metier.predictors.text.chat_client import KEY_VARIABLE, URL_VARIABLE
from metier.tasks.method_contract import NeedsEpochs
from metier.tasks.task_table import TASKS, known_task, load_task
from metier.user_cache import build_once

EXAMPLES = Path(__file__).parents[2] / "examples"
LABELS = (
    "card_arrival",
    "exchange_rate",
    "top_up_failed",
    "change_pin",
    "age_limit",
    "lost_or_stolen_card",
)


@dataclass(frozen=True)
class Complaints:
    texts: list[str]
    labels: list[str]

    @property
    def majority_fraction(self) -> float:
        return max(self.labels.count(label) for label in set(self.labels)) / len(self.labels)


def read_complaints(name, *, rows):
    with (EXAMPLES / "banking77" / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        found = list(csv.DictReader(file))
    # Not the same number of each, or no label would be the majority.
    taken = [
        row
        for number, label in enumerate(LABELS)
        for row in [row for row in found if row["label"] == label][: rows - number]
    ]
    order = np.random.default_rng(0).permutation(len(taken))
    return Complaints([taken[i]["text"] for i in order], [taken[i]["label"] for i in order])


@pytest.fixture(scope="session")
def complaints():
    """Training and unseen rows of six of the 77 labels."""
    return read_complaints("train", rows=18), read_complaints("test", rows=14)


@pytest.fixture(scope="session")
def base(cut_to) -> str:
    """MiniLM cut to its lowest layer and made small: real words and real weights, a tenth of the work."""
    return str(cut_to(1, small=True))


@dataclass(frozen=True)
class Source:
    """Real rows of a task: a file, how many of them to learn from, and what reading has to be told."""

    file: str
    rows: int
    roles: dict[str, Any]
    unseen: int = 24  # Rows that a method is asked about.


FEW_IMAGES, FEW_RECORDINGS = 10, 3  # To be asked about: each takes a hundred times as long as a text.
SOURCES = {
    "classification": Source("twitter_financial_news/train.csv", 90, {}),
    "classification:image": Source("groceries/data.csv", 40, {}, FEW_IMAGES),
    "classification:text_image": Source("titled_icons/data.csv", 48, {}, FEW_IMAGES),
    "multi_label:text_image": Source("titled_icons/label_sets.csv", 48, {}, FEW_IMAGES),
    "ordinal:text_image": Source("titled_icons/ink.csv", 48, {"label": "grade", "score": "none"}, FEW_IMAGES),
    "regression:text_image": Source("titled_icons/ink.csv", 48, {"score": "ink", "label": "none"}, FEW_IMAGES),
    "multi_label:image": Source("titled_icons/kinds.csv", 48, {}, FEW_IMAGES),
    "ordinal:image": Source(
        "titled_icons/ink.csv", 48, {"label": "grade", "score": "none", "text": "none"}, FEW_IMAGES
    ),
    "regression:image": Source(
        "titled_icons/ink.csv", 48, {"score": "ink", "label": "none", "text": "none"}, FEW_IMAGES
    ),
    "multi_label": Source("sgd_dialogues/acts/train.jsonl", 240, {}),
    "ordinal": Source("twitter_financial_news/train.csv", 120, {}),
    "regression": Source("covid_faq/question_pairs.csv", 100, {"score": "similar", "label": "none"}),
    "ner": Source("ncbi_disease/train.conll", 90, {}),
    "relation": Source("semeval2010_task8/train.jsonl", 150, {}),
    "triples": Source("semeval2010_task8/triples.jsonl", 150, {}),
    "extractive_qa": Source("xquad/test.en.json", 60, {}),
    "text_pair": Source("covid_faq/question_pairs.csv", 90, {}),
    "text_pair:pair_image": Source(
        "titled_icons/pairs.csv",
        48,
        {"text": "text", "image": "image", "text_pair": "text_pair", "image_pair": "image_pair"},
        FEW_IMAGES,
    ),
    "retrieval": Source("banking77/test.csv", 120, {}),
    "retrieval:text_image": Source("titled_icons/data.csv", 70, {"label": "none"}, FEW_IMAGES),
    "retrieval:image": Source(
        "titled_icons/data.csv",
        70,
        {"image": "image", "text_pair": "text", "label": "none", "repair": True},
        FEW_IMAGES,
    ),
    "generation": Source("scitldr/train.jsonl", 12, {}),
    "transcription": Source(
        "spoken_topics/data.csv",
        6,
        {"audio": "audio", "target": "said", "text": "none", "label": "none"},
        FEW_RECORDINGS,
    ),
}
# Methods of several tasks that are checked on rows of a second one, besides the one of `ALSO` or of the table.
SECOND_TASK = {"few_shot.v1": "ner", "zero_shot.v1": "relation", "endpoint.v1": "ner"}
# Methods that no task compares by default, and the task whose rows they are checked on.
ALSO = {
    "self_training.v1": "classification",
    "consistency_encoder.v1": "classification",
    "pretrained_encoder.v1": "classification",
    "pseudo_labels.v1": "ner",
    "domain_pretraining.v1": "relation",
    "consistency.v1": "multi_label",
    "pretrained_generator.v1": "generation",
    "soup.v1": "classification",
    "searched.v1": "classification",
    "joint_gated.v1": "classification:text_image",
    "joint_bilinear.v1": "classification:text_image",
    "joint_attention.v1": "classification:text_image",
    "joint_encoder.v1": "classification:text_image",
    "aligned_encoder.v1": "retrieval:text_image",
    "zero_shot.v1": "classification",
    "prompted.v1": "classification",
    "endpoint.v1": "classification",
    "relation_syntax.v1": "relation",
    "frequent_relation.v1": "relation",
    "tfidf_knowledge.v1": "classification",
    "relation_knowledge.v1": "relation",
    "crf_syntax.v1": "ner",
    "vote.v1": "ner",
    "span_rules.v1": "ner",
    "best_sentence.v1": "generation",
    "dictionary_translation.v1": "generation",
    "retrieve_rerank.v1": "retrieval",
}
ONE_LABEL = known_task("classification")
# These have more checks of their own in `test_methods.py`.
CLASSIFIERS = sorted(
    [*ONE_LABEL.candidates, *(name for name in ONE_LABEL.ensembles if name in catalogue.METHODS)]
)
PAIRS = [
    *(
        (task, method)
        for task, known in TASKS.items()
        if task != "classification"
        for method in known.candidates
    ),
    *(
        (f"{task}:{asked}", method)
        for task, known in TASKS.items()
        for asked, methods in known.beside_texts.items()
        for method in methods
    ),
    *((task, method) for method, task in ALSO.items()),
    *((task, method) for method, task in SECOND_TASK.items()),
]
PAGE = "The committee met on Tuesday to discuss the budget of the hospital and its new wing in Geneva. " * 30


def cheap_words(**settings):
    return catalogue.resolve("tfidf_linear.v1")(model="svc", C=1.0, **settings)


# Rows of their own for methods that can learn nothing from those of the task.
OWN_SOURCES = {
    "dictionary_translation.v1": Source(
        "tatoeba_en_zh/train.jsonl", 200, {"text": "source", "target": "target"}
    ),
    "retrieve_rerank.v1": Source(
        "banking77/test.csv", 800, {}
    ),  # Each query needs an answer in the collection.
}


def members_of(task: str) -> list[Any]:
    """Two quick methods of a task, for what is made of others."""
    names = {"ner": ("dictionary_tagger.v1", "crf.v1")}.get(task)
    if names is None:
        return [catalogue.resolve("majority.v1")(), cheap_words()]
    return [catalogue.resolve(name)() for name in names]


# A graph that knows some words of the rows.
KNOWLEDGE = KnowledgeGraph(
    [
        Concept("bank", "bank", "made"),
        Concept("shares", "shares", "made", statements=[Statement("is_a", "bank", "made")]),
        Concept("company", "company", "made", statements=[Statement("employs", "people", "made")]),
        Concept("people", "people", "made"),
    ],
    origin="made",
)
UNLABELLED = ["Shares of the bank fell after the report.", "The central bank left the rate as it was."] * 6
# By the name of a setting: its cheapest value, from the task and the base.
CHEAPEST = {
    "base": lambda task, base: base,
    "task": lambda task, base: task.partition(":")[0],
    "epochs": lambda task, base: 1,
    "max_epochs": lambda task, base: 1,
    "steps": lambda task, base: 2,
    "passes": lambda task, base: 1,
    "ingredients": lambda task, base: 2,
    "precision": lambda task, base: "fp32",
    "knowledge": lambda task, base: KNOWLEDGE,
    "backoff_seconds": lambda task, base: 0.01,
    "unlabelled": lambda task, base: UNLABELLED,
    "members": lambda task, base: members_of(task),
    "stages": lambda task, base: members_of(task),
    "member": lambda task, base: members_of(task)[0],
}


def cheapest(method: str, task: str, base: str) -> dict[str, Any]:
    """Settings with which a method takes seconds."""
    resolved = catalogue.resolve(method)
    settings = {name: CHEAPEST[name](task, base) for name in resolved._get_param_names() if name in CHEAPEST}
    taught = known_task(task.partition(":")[0]).learn_from_unlabelled.get(method)
    if taught is not None and "method" in resolved._get_param_names():
        given = {"method": taught, "answer": known_task(task.partition(":")[0]).answer}
        settings |= {name: value for name, value in given.items() if name in resolved._get_param_names()}
    if isinstance(resolved(base=base) if "base" in settings else resolved(), NeedsEpochs):
        settings["epochs"] = resolved(base=base).fewest_epochs
    return settings


@pytest.fixture(scope="session")
def writer(tiny_writers, shared_folder) -> str:
    """A base that writes."""
    return str(build_once(shared_folder / "writer", lambda made: tiny_writers.make_llama(made, [PAGE])))


@pytest.fixture(scope="session")
def base_for(request):
    """Gives the base of a method; what writes stands on another kind than what reads, and many stand on none."""

    def base(method: str) -> str:
        stated = catalogue.capabilities(method)
        if not (stated.needs_base or stated.is_fine_tuned):
            return ""
        if stated.sees:
            if known_base("efficientnet-lite0").source is None:
                pytest.skip("needs metier[image]")
            return "efficientnet-lite0"
        if stated.hears:
            if known_base("whisper-tiny-en").source is None:
                pytest.skip("needs metier[speech]")
            return "whisper-tiny-en"
        return request.getfixturevalue("writer" if stated.writes else "base")

    return base


@pytest.fixture(scope="session", params=CLASSIFIERS)
def method_name(request) -> str:
    return request.param


@pytest.fixture(scope="session")
def build(method_name, base_for):
    """Gives a fresh, unfitted, cheap instance of the method."""

    def fresh(**settings) -> Any:
        cheap = cheapest(method_name, "classification", base_for(method_name))
        return catalogue.resolve(method_name)(**cheap | settings)

    return fresh


@pytest.fixture(scope="session")
def fitted(build, complaints):
    """The method, fitted once on the training rows; tests only ask it."""
    train, _ = complaints
    return build().fit(train.texts, train.labels)


@pytest.fixture(scope="session")
def refitted(build, complaints):
    """The method, fitted on other rows before it was fitted on the training rows."""
    train, _ = complaints
    method = build().fit(["good day", "bad day", "good night", "bad night"] * 3, ["up", "down"] * 6)
    assert method.classes_.tolist() == ["down", "up"]
    return method.fit(train.texts, train.labels)


@pytest.fixture(scope="session")
def exported(fitted, method_name, tmp_path_factory):
    folder = tmp_path_factory.mktemp("exported") / method_name
    folder.mkdir()
    fitted.export(folder)
    return folder


class Chat(BaseHTTPRequestHandler):
    """The chat protocol of OpenAI's API: one of the labels that the question lists, by the length of the text."""

    def log_message(self, *_):
        pass

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        system, *_, asked = (message["content"] for message in body["messages"])
        labels = re.findall(r"^- ([^:\n]+)", system, re.MULTILINE)
        reply = labels[len(asked) % len(labels)]
        if "JSON list" in system:  # Of parts of the text: its first word.
            reply = json.dumps([{"text": asked.split()[1], "label": reply}])
        message = {"role": "assistant", "content": reply}
        data = json.dumps({"choices": [{"message": message}]}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


@pytest.fixture(scope="session")
def chat_server():
    """A server that answers questions about texts; its address is in the environment."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Chat) as server, pytest.MonkeyPatch.context() as patch:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        patch.setenv(URL_VARIABLE, f"http://127.0.0.1:{server.server_address[1]}/v1")
        patch.setenv(KEY_VARIABLE, "a key")
        patch.setenv("no_proxy", "127.0.0.1")
        yield
        server.shutdown()


@pytest.fixture(scope="module", params=PAIRS, ids=lambda pair: "-".join(pair))
def pair(request):
    """A task and the name of a method."""
    if request.param[1] == "endpoint.v1":
        request.getfixturevalue("chat_server")
    return request.param


@pytest.fixture(scope="module")
def settings(pair, base_for, task):
    """What makes the method of the pair cheap, and what it searches."""
    cheap = cheapest(pair[1], pair[0], base_for(pair[1]))
    searches = task.collection is not None and "collection" in catalogue.resolve(pair[1])._get_param_names()
    return cheap | ({"collection": task.collection} if searches else {})


@pytest.fixture(scope="session")
def rows_of():
    """Reads rows of a task to learn from, and others to answer."""

    def rows(task: str, method: str):
        source = OWN_SOURCES.get(method, SOURCES[task])
        found = metier.read(EXAMPLES / source.file, **source.roles)
        if task.startswith("retrieval:"):  # Some icons have no title, and some titles no icon.
            both = zip(*(found.table.column(name).to_pylist() for name in ("text", "image")), strict=True)
            found = found.take([row for row, values in enumerate(both) if all(values)])
        order = np.random.default_rng(0).permutation(len(found))
        train, unseen = order[: source.rows], order[source.rows : source.rows + source.unseen]
        return found.take(train), found.take(unseen)

    return rows


@pytest.fixture(scope="module")
def rows(pair, rows_of):
    return rows_of(*pair)


@pytest.fixture(scope="module")
def task(pair, rows):
    return load_task(pair[0].partition(":")[0]).from_rows(rows[0]).with_rows(rows[1])


@pytest.fixture(scope="module")
def book(pair):
    """The text of 100 pages; of 10, which are windows enough, for what reads each by a base."""
    return PAGE * (10 if catalogue.capabilities(pair[1]).needs_base else 100)


@pytest.fixture(scope="session")
def roster():
    """The tasks with rows, and the methods that are checked on rows of each."""
    return {task: {method for one, method in PAIRS if one == task} for task in SOURCES} | {
        "classification": {*CLASSIFIERS, *(method for one, method in PAIRS if one == "classification")}
    }


@pytest.fixture(scope="session")
def light_service():
    """Asks a sealed bundle over HTTP, in a process where importing torch raises."""
    command = [sys.executable, str(Path(__file__).with_name("light_service.py"))]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:

        def ask(folder: Path, body: dict[str, Any]) -> dict[str, Any]:
            process.stdin.write(json.dumps({"folder": str(folder), "body": body}) + "\n")
            process.stdin.flush()
            return json.loads(process.stdout.readline())

        yield ask
        process.stdin.close()


def as_request(item: Any) -> dict[str, Any]:
    """What a question is in a request: pictures and recordings in base64."""
    if isinstance(item, str):
        return {"text": item}
    sent = {key: value for key, value in item.items() if value is not None}
    for key in ("image", "image_pair", "audio"):
        if isinstance(sent.get(key), str):
            sent[key] = base64.b64encode(Path(sent[key]).read_bytes()).decode()
    return sent


@pytest.fixture(scope="session")
def request_of():
    return as_request


@pytest.fixture(scope="session")
def seal_as():
    """Seals what a method exported, as a run does."""

    def sealed(folder: Path, task: Any, *, name: str) -> None:
        input_kind, predictor = task.input, read_settings(folder)
        facts = {
            "name": name,
            "method": name,
            "task": {
                "name": task.name,
                "labels": predictor["labels"],
                "input_keys": list(input_kind.keys),
                "roles": list(input_kind.roles),
            },
            "predictor": {"kind": predictor["kind"], "name": name},
            "data": {"fingerprint": "ab" * 32, "origin": "rows.csv", "rows": {"train": 1}},
        }
        seal(folder, ManifestFacts.model_validate(facts))

    return sealed


def _check_record(answers: Any, row: int, item: Any, task: Any) -> None:
    """Check one answer as people and programs get it: JSON, the answer itself, inside the text it was asked about."""
    record = json.loads(json.dumps(answers.record(row), allow_nan=False))
    assert record["answered_by"] == answers.answered_by[row]
    # What relates spans has both.
    checks = [
        check
        for key, check in RECORDS.items()
        if key in record and not (key == "spans" and "relations" in record)
    ]
    assert len(checks) == 1, f"a record of no kind or of two: {sorted(record)}"
    checks[0](record, item, task, answers.predicted[row])


def _check_label(record, item, task, predicted):
    assert record["label"] == predicted
    assert predicted in task.labels
    assert 1 / len(task.labels) <= record["probability"] + 1e-6 <= 1 + 2e-6  # The most probable one's.


def _check_labels(record, item, task, predicted):
    assert list(record["labels"]) == predicted
    assert set(predicted) <= set(task.labels)
    assert record["none"] == (not predicted)
    assert all(0 <= probability <= 1 for probability in record["labels"].values())


def _check_spans(record, item, task, predicted):
    assert [[span["start"], span["end"], span["label"]] for span in record["spans"]] == predicted
    for span in record["spans"]:
        assert 0 <= span["start"] < span["end"] <= len(item)
        assert span["text"] == item[span["start"] : span["end"]]
        assert span["label"] in task.labels


def _check_triples(record, item, task, predicted):
    spans = [[span["start"], span["end"], span["label"]] for span in record["spans"]]
    relations = [[one["head"], one["tail"], one["label"]] for one in record["relations"]]
    assert {"spans": spans, "relations": relations} == predicted
    for one in record["relations"]:
        assert one["label"] in task.labels
        assert one["head_text"] == item[slice(*spans[one["head"]][:2])]
        assert one["tail_text"] == item[slice(*spans[one["tail"]][:2])]
        assert 0 <= one["probability"] <= 1


def _check_answer(record, item, task, predicted):
    assert record["answer"] == predicted
    if record["start"] is None:
        assert record["end"] is None
        assert predicted == ""
    else:
        assert predicted == item["passage"][record["start"] : record["end"]]


def _check_matches(record, item, task, predicted):
    assert [match["id"] for match in record["matches"]] == predicted
    scores = [match["score"] for match in record["matches"]]
    assert scores == sorted(scores, reverse=True)
    assert len({(match["id"], match["text"]) for match in record["matches"]}) == len(scores)
    assert all("image" in match for match in record["matches"]) == (task.answer_role == "image")


def _check_score(record, item, task, predicted):
    assert record["score"] == predicted
    assert record["low"] <= predicted <= record["high"]


def _check_text(record, item, task, predicted):
    assert record["text"] == predicted


# By the key of a record that says what it is.
RECORDS = {
    "label": _check_label,
    "labels": _check_labels,
    "spans": _check_spans,
    "relations": _check_triples,
    "answer": _check_answer,
    "matches": _check_matches,
    "score": _check_score,
    "text": _check_text,
}


@pytest.fixture(scope="session")
def check_record():
    """Checks one answer of a batch: its number, the item that was asked, and the task."""
    return _check_record
