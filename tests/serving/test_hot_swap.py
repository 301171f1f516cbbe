"""A registry that is served: what its aliases point to answers, and what cannot be served changes nothing."""

import gc
import json
import logging
import re
import shutil
import sqlite3
import threading
import weakref
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from metier.bundles import load_bundle
from metier.cli.loaded_registry import loaded_registry
from metier.errors import RegistryError, UnknownNameError, WrongTypeError
from metier.registry.registry import DATABASE, Registry
from metier.serving import ServingSettings, build_app
from metier.serving.answer_threads import AnswerThreads
from metier.serving.hot_swap import HotSwap

SEALED = Path(__file__).parents[1] / "bundles" / "sealed_71959d8"
ASKED = "my card never came"


@pytest.fixture
def registry(tmp_path):
    """A registry with three versions of "support", of which the first answers."""
    made = Registry(tmp_path / "registry")
    for kind in ("linear.v1", "constant.v1", "static.v1"):
        made.add(SEALED / kind, "support")
    made.promote("support", 1, force=True)
    return made


@pytest.fixture
def swap(registry):
    """Give what follows some names of the registry, its first versions loaded and no thread begun."""
    begun = []

    def _swap(*names):
        threads = AnswerThreads(1)
        made = HotSwap(loaded_registry(registry.folder, names), ServingSettings(), threads)
        for model in made.models.each:
            model.engine.load()
        begun.append(threads)
        return made

    yield _swap
    for threads in begun:
        threads.stop()


def served(swap):
    return {model.version: model.aliases for model in swap.models.each}


def test_an_alias_that_moves_is_followed(registry, swap):
    following = swap("support")
    assert served(following) == {1: ("champion",)}
    registry.promote("support", 2, force=True)
    following.look()
    assert served(following) == {2: ("champion",)}
    assert following.models.find("support/2").engine.check_ready().name == "majority.v1"
    registry.roll_back("support")
    following.look()
    assert served(following) == {1: ("champion",)}
    assert dict(following.swaps) == {("support", "swapped"): 2}
    assert following.problems == ()


def test_several_aliases_share_a_version_and_a_number_stays(registry, swap):
    registry.promote("support", 1, alias="challenger", force=True)
    following = swap("support@challenger", "support", "support/3")
    assert served(following) == {1: ("challenger", "champion"), 3: ()}
    registry.promote("support", 3, alias="challenger", force=True)
    registry.promote("support", 3, force=True)
    following.look()
    assert served(following) == {3: ("challenger", "champion")}
    assert len({id(following.models.find(name).engine) for name in ("support", "support@challenger")}) == 1


def test_without_names_every_champion_is_served_and_later_ones_too(registry, swap):
    registry.add(SEALED / "linear.v1", "candidate_only")
    following = swap()
    assert [model.name for model in following.models.each] == ["support"]
    registry.add(SEALED / "cascade.v1", "opinion")
    registry.promote("opinion", 1, force=True)
    following.look()
    assert [model.name for model in following.models.each] == ["support", "opinion"]


def test_a_version_that_was_altered_is_not_served_and_is_tried_again_when_asked(registry, swap, caplog):
    following = swap("support")
    settings = registry.folder / "support" / "2" / "predictor.json"
    whole = settings.read_text("utf-8")
    settings.write_text(whole + " ", "utf-8")
    registry.promote("support", 2, force=True)
    for _ in range(3):
        following.look()
    assert served(following) == {1: ("champion",)}
    [problem] = following.problems
    assert re.match(
        r"Version 2 of support@champion is not served: .*predictor\.json.*Version 1 goes on\.", problem
    )
    assert dict(following.swaps) == {("support", "refused"): 1}
    assert len([one for one in caplog.records if one.levelno == logging.WARNING]) == 1
    settings.write_text(whole, "utf-8")
    following.look()
    assert served(following) == {1: ("champion",)}
    following.look(retries=True)
    assert served(following) == {2: ("champion",)}
    assert following.problems == ()


def test_files_that_were_sealed_anew_in_the_registry_are_not_served(registry, swap):
    following = swap("support")
    shutil.rmtree(registry.folder / "support" / "2")
    shutil.copytree(SEALED / "static.v1", registry.folder / "support" / "2")
    registry.promote("support", 2, force=True)
    following.look()
    assert served(following) == {1: ("champion",)}
    assert "is not the version that was added to the registry" in following.problems[0]


def test_a_version_that_fails_its_golden_rows_is_not_served(registry, swap):
    following = swap("support")
    right = load_bundle(SEALED / "static.v1").predict([ASKED]).predicted[0]
    write_golden(registry.folder / "support" / "2", [{"question": ASKED, "answer": "no label at all"}])
    write_golden(registry.folder / "support" / "3", [{"question": ASKED, "answer": right}])
    registry.promote("support", 2, force=True)
    following.look()
    assert served(following) == {1: ("champion",)}
    assert "golden row 1" in following.problems[0]
    assert ASKED not in following.problems[0]
    registry.promote("support", 3, force=True)
    following.look()
    assert served(following) == {3: ("champion",)}


@pytest.mark.parametrize("golden", [[], [1], "rows", {"asked": 3}, {"asked": [{"question": "a"}]}])
def test_golden_rows_of_another_form_are_told_or_none(registry, swap, golden):
    following = swap("support")
    folder = registry.folder / "support" / "2"
    manifest = json.loads((folder / "manifest.json").read_text("utf-8"))
    (folder / "manifest.json").write_text(json.dumps(manifest | {"gate": {"golden": golden}}), "utf-8")
    registry.promote("support", 2, force=True)
    following.look()
    assert served(following) == ({2: ("champion",)} if golden == [] else {1: ("champion",)})


def write_golden(folder, rows):
    path = folder / "manifest.json"
    gate = {"verdict": "pass", "may_go_live": True, "golden": {"rows": len(rows), "wrong": [], "asked": rows}}
    path.write_text(json.dumps(json.loads(path.read_text("utf-8")) | {"gate": gate}), "utf-8")


def test_an_alias_or_a_registry_that_is_gone_is_said_and_the_version_goes_on(registry, swap):
    registry.promote("support", 2, alias="shadow", force=True)
    following = swap("support@shadow")
    remove_alias(registry, "shadow")
    following.look()
    assert served(following) == {2: ("shadow",)}
    assert following.problems == ("support@shadow is no longer in the registry. Version 2 goes on.",)
    registry.folder.rename(registry.folder.with_name("away"))
    following.look()
    assert served(following) == {2: ("shadow",)}
    assert "There is no registry at" in following.problems[0]
    assert not registry.folder.exists()  # It is never made anew by who serves it.
    registry.folder.with_name("away").rename(registry.folder)
    registry.promote("support", 3, alias="shadow", force=True)
    following.look()
    assert (served(following), following.problems) == ({3: ("shadow",)}, ())


def remove_alias(registry, alias):
    with sqlite3.connect(registry.folder / DATABASE) as connection:
        connection.execute("DELETE FROM registry_aliases WHERE alias = ?", [alias])
    connection.close()


def test_a_registry_that_is_broken_or_being_written_does_not_stop_the_service(registry, swap):
    following = swap("support")
    writer = sqlite3.connect(registry.folder / DATABASE, isolation_level=None)
    writer.execute("BEGIN IMMEDIATE")
    following.look()  # Who reads waits for nobody who writes.
    assert following.problems == ()
    writer.execute("ROLLBACK")
    writer.close()
    for path in registry.folder.glob(f"{DATABASE}*"):
        path.write_bytes(b"no database, and long enough to be read as one" * 100)
    following.look()
    assert "not a database" in following.problems[0]
    assert served(following) == {1: ("champion",)}


def test_the_old_version_finishes_its_request_and_is_let_go(registry, swap):
    following = swap("support")
    held = following.models.find("support")
    old = weakref.ref(held.engine)
    registry.promote("support", 2, force=True)
    following.look()
    assert held.engine.check_ready().predict([ASKED]).answered_by == ("tfidf_linear.v1",)
    del held
    gc.collect()
    assert old() is None


@pytest.mark.parametrize(
    ("names", "error", "says"),
    [
        (["suport"], UnknownNameError, "Did you mean 'support@champion'?"),
        (["support@challenger"], UnknownNameError, "support@challenger"),
        (["support/9"], UnknownNameError, "support/9"),
        (["support/x"], UnknownNameError, "no version of 'support' called 'x'"),
        (["../support"], WrongTypeError, "name of a model"),
        ([""], WrongTypeError, "name of a model is ''"),
        (["support@"], WrongTypeError, "alias is ''"),
        (["support@a/../b"], WrongTypeError, "alias"),
    ],
)
def test_what_is_not_there_at_the_beginning_is_an_error(swap, names, error, says):
    with pytest.raises(error, match=re.escape(says)):
        swap(*names)


def test_an_empty_folder_is_no_registry_and_one_without_champions_serves_nothing(tmp_path):
    with pytest.raises(RegistryError, match="There is no registry at"):
        loaded_registry(tmp_path / "none", []).now()
    assert not (tmp_path / "none").exists()
    made = Registry(tmp_path / "made")
    made.add(SEALED / "linear.v1", "support")
    source = loaded_registry(made.folder, [])
    with pytest.raises(RegistryError, match="nothing to serve"):
        source.check(source.now())


def test_swaps_under_load_lose_and_double_nothing(registry, start):
    """Every answer is that of exactly one of the versions, whichever it says it is."""
    client = start(build_app(loaded_registry(registry.folder, []), ServingSettings(threads=2)))
    labels = {
        number: load_bundle(registry.folder / "support" / str(number)).predict([ASKED]).predicted[0]
        for number in (1, 2)
    }
    is_over, answers = threading.Event(), []

    def ask(caller):
        n = 0
        while not is_over.is_set():
            n += 1
            answer = client.post("/v1/predict", json={"text": ASKED}, headers={"X-Request-ID": f"{caller}-{n}"})
            answers.append((answer.status_code, answer.json()["version"], answer.json()["label"]))
        return n

    following = client_models(client)
    with ThreadPoolExecutor(4) as callers:
        asking = [callers.submit(ask, caller) for caller in range(4)]
        for swap_number in range(6):
            registry.promote("support", 2 - swap_number % 2, force=True)
            wanted = 2 - swap_number % 2
            while following() != wanted:
                pass
        is_over.set()
        n_asked = sum(one.result() for one in asking)
    assert len(answers) == n_asked
    assert {status for status, *_ in answers} == {200}
    assert {(version, label) for _, version, label in answers} == set(labels.items())
    figures = client.get("/metrics").text
    assert 'metier_model_swaps_total{model="support",outcome="swapped"}' in figures
    assert re.search(r'metier_model_version\{alias="champion",model="support"\} \d\.0', figures)
    assert "metier_registry_problems 0.0" in figures
    assert re.findall(r'metier_bundle_info\{.*name="(\S+?)"', figures) == ["tfidf_linear.v1"]


def client_models(client):
    return lambda: client.get("/readyz").json()["models"][0]["version"]


def test_what_stands_in_the_way_is_in_readyz_and_in_the_metrics(registry, start):
    app = build_app(loaded_registry(registry.folder, ["support"]))
    client = start(app)
    (registry.folder / "support" / "2" / "predictor.json").unlink()
    registry.promote("support", 2, force=True)
    app.state.models.look_now()
    while "problems" not in (ready := client.get("/readyz").json()):
        pass
    assert ready["status"] == "ready"
    assert ready["models"] == [
        {"model": "support", "version": 1, "aliases": ["champion"], "asks_for": ["text"]}
    ]
    assert "Version 1 goes on" in ready["problems"][0]
    assert "metier_registry_problems 1.0" in client.get("/metrics").text
    assert client.post("/v1/predict", json={"text": ASKED, "model": "support@champion"}).json()["version"] == 1
