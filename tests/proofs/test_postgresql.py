"""Registry, roll-outs and predictions on a real PostgreSQL server: the same as on SQLite, several writers at once."""

import itertools
import multiprocessing
from pathlib import Path

import pytest

from metier.registry.criteria import build_criteria
from metier.registry.registry import CHALLENGER, Registry
from metier.registry.rolling_out import RollOuts
from metier.registry.running import Observed, Status
from metier.serving.prediction_log import Feedback, PredictionLog, erase_subject
from tests.made_predictions import NOON, predictions
from tests.real_servers import postgresql

# Connections of the pools are left to the end of the process.
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")]
pytest.importorskip("psycopg", reason="needs metier[postgresql]")
SEALED = Path(__file__).parents[1] / "bundles" / "sealed_71959d8"


@pytest.fixture(scope="module")
def server():
    """The URL of a server of its own on this machine."""
    with postgresql() as url:
        yield url


@pytest.fixture
def registry(server, tmp_path, request):
    kept = Registry(tmp_path / "registry", url=server)
    kept.add(SEALED / "linear.v1", request.node.name[:40])
    kept.add(SEALED / "constant.v1", request.node.name[:40])
    return kept, request.node.name[:40]


def promoted(folder, url, name, times):
    kept = Registry(folder, url=url)
    for number in range(times):
        kept.promote(name, 1 + number % 2, force=True)


def test_aliases_move_back_and_forth_under_several_writers(registry, server):
    kept, name = registry
    kept.promote(name, 1, force=True, why="first")
    kept.promote(name, 2, force=True)
    assert kept.roll_back(name).number == 1
    context = multiprocessing.get_context("spawn")
    writers = [context.Process(target=promoted, args=(kept.folder, server, name, 20)) for _ in range(3)]
    for one in writers:
        one.start()
    for one in writers:
        one.join(120)
    assert [one.exitcode for one in writers] == [0, 0, 0]
    changes = [one for one in kept.history(name) if one.action == "promote"]
    assert len(changes) == 2 + 60
    assert kept.version(name).number == changes[-1].version
    assert all(one.before == before.version for before, one in itertools.pairwise(changes[2:]))


def test_a_worse_challenger_is_rolled_back(registry):
    kept, name = registry
    kept.promote(name, 1, force=True)
    roll_outs = RollOuts(kept)
    running = roll_outs.begin(
        name, 2, build_criteria(share=1.0, is_shadow=True), share=1.0, is_shadow=True, force=True
    )
    for _ in range(40):
        if running.status != Status.RUNNING:
            break
        numbers = {
            "errors": [(None, 1.0)] * 50,
            "disagreement": [(None, 1.0)] * 50,
            "confidence": [(None, 0.5)] * 50,
        }
        running = roll_outs.add(running, Observed(50, 50, numbers))
    assert running.status == Status.ROLLED_BACK
    assert kept.version(name).number == 1
    assert not any(CHALLENGER in one.aliases for one in kept.versions(name))


def test_predictions_are_stored_corrected_and_erased(server):
    log = PredictionLog(server)
    written = predictions(30, subject="ann")
    assert log.write(written) == 30
    assert log.write(written, may_be_there=True) == 0
    log.add_feedback(Feedback(written[0].id, at=NOON, correction="换卡"))
    assert erase_subject(server, "ann") == 30
    assert log.count() == 0
    log.close()
