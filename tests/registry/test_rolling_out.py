"""Roll-outs that run: decided and acted on in one step, by several services, through a kill at any moment."""

import json
import multiprocessing
import random
import shutil
import time
from pathlib import Path

import pytest

from metier.errors import CallError, RegistryError, UnknownNameError
from metier.registry.criteria import build_criteria, read_criteria
from metier.registry.registry import CHALLENGER, Registry
from metier.registry.roll_out import Verdict
from metier.registry.rolling_out import RollOuts
from metier.registry.running import Observed, Status

SEALED = Path(__file__).parents[1] / "bundles" / "sealed_71959d8"


def in_shadow(n, *, disagree=0.0, worse=0.0):
    """What a service observed of a shadow."""
    numbers = {
        "errors": [(None, 0.0)] * n,
        "disagreement": [(None, float(random.random() < disagree)) for _ in range(n)],
        "confidence": [(None, worse)] * n,
    }
    return Observed(n, n, numbers)


@pytest.fixture
def registry(tmp_path):
    kept = Registry(tmp_path / "registry")
    for name in ("linear.v1", "constant.v1"):
        kept.add(SEALED / name, "support")
    kept.promote("support", 1, force=True)
    return kept


@pytest.fixture
def roll_outs(registry):
    return RollOuts(registry)


def begin(roll_outs, *, is_shadow=True, share=1.0, **more):
    criteria = build_criteria(share=share, is_shadow=is_shadow)
    return roll_outs.begin("support", 2, criteria, share=share, is_shadow=is_shadow, **{"force": True, **more})


def actions(registry):
    return [(one.action, one.version, one.before, one.alias) for one in registry.history("support")][3:]


def test_a_version_that_is_as_good_is_promoted_with_the_evidence(registry, roll_outs):
    running = begin(roll_outs, who="ann", why="retrained")
    assert (running.status, running.champion, running.challenger) == (Status.RUNNING, 1, 2)
    assert registry.version("support", 2).aliases == (CHALLENGER,)
    while running.status is Status.RUNNING:
        running = roll_outs.add(running, in_shadow(100))
    assert running.status is Status.PROMOTED
    assert registry.version("support").number == 2
    assert registry.version("support", 2).aliases == ("champion",)
    assert actions(registry) == [("begin roll-out", 2, 1, None), ("promote", 2, 1, "champion")]
    last = registry.history("support")[-1]
    assert (last.who, last.is_forced) == ("roll-out", True)
    assert "errors +0.0000 of" in last.why
    assert registry.roll_back("support").number == 1


def test_a_version_that_is_worse_is_rolled_back_and_another_can_begin(registry, roll_outs):
    running = begin(roll_outs)
    while running.status is Status.RUNNING:
        running = roll_outs.add(running, in_shadow(100, disagree=0.3))
    assert (running.status, running.decision.because) == (Status.ROLLED_BACK, ("disagreement",))
    assert registry.version("support").number == 1
    assert registry.version("support", 2).aliases == ()
    assert actions(registry)[-1] == ("end roll-out", 2, 1, None)
    assert roll_outs.add(running, in_shadow(100)).n_requests == running.n_requests
    assert begin(roll_outs).id == running.id + 1


def test_until_the_evidence_decides_it_says_about_how_much_more_is_needed(roll_outs):
    running = begin(roll_outs)
    assert (running.decision.verdict, running.more_needed) == (Verdict.WAIT, None)
    assert list(roll_outs.running()) == ["support"]
    running = roll_outs.add(running, in_shadow(20))
    assert running.decision.verdict is Verdict.WAIT
    told = running.more_needed
    running = roll_outs.add(running, in_shadow(told))
    assert (running.status, running.n_requests) == (Status.PROMOTED, 20 + told)


def test_a_caller_of_a_canary_counts_once_and_always_meets_the_same_version(roll_outs):
    running = begin(roll_outs, is_shadow=False, share=0.25)
    asked = [running.asks_challenger(f"caller {i}") for i in range(4_000)]
    assert 0.22 < sum(asked) / 4_000 < 0.28
    assert asked == [running.asks_challenger(f"caller {i}") for i in range(4_000)]
    key = running.hashed("ann")
    numbers = {"errors": [(key, 4.0), (key, 4.0), (None, 0.0)], "confidence": [(running.hashed("bob"), 0.1)]}
    for _ in range(2):
        running = roll_outs.add(running, Observed(3, 2, numbers))
    standings = {one.name: one for one in running.decision.standings}
    assert (standings["errors"].n, standings["confidence"].n) == (3, 1)
    assert standings["errors"].mean == pytest.approx(4 / 3)
    assert (running.n_requests, running.n_challenger) == (6, 4)


def test_a_roll_out_ends_where_it_is_stopped_or_another_version_is_promoted(registry, roll_outs):
    begin(roll_outs)
    assert roll_outs.stop("support", why="holiday").status is Status.STOPPED
    with pytest.raises(RegistryError, match="No roll-out of 'support' runs"):
        roll_outs.stop("support")
    running = begin(roll_outs)
    registry.add(SEALED / "static.v1", "support")
    registry.promote("support", 3, force=True)
    assert roll_outs.add(running, in_shadow(5_000)).status is Status.STOPPED
    assert registry.version("support").number == 3


def test_what_cannot_be_rolled_out_is_refused(registry, roll_outs):
    with pytest.raises(RegistryError, match="There was no roll-out of 'support'"):
        roll_outs.last("support")
    with pytest.raises(RegistryError, match="has not passed a release gate, and a roll-out may promote it"):
        begin(roll_outs, force=False)
    with pytest.raises(RegistryError, match="Version 1 of 'support' answers already"):
        roll_outs.begin("support", 1, build_criteria(share=0.1, is_shadow=False), share=0.1, force=True)
    begin(roll_outs)
    with pytest.raises(RegistryError, match="Version 2 of 'support' is being rolled out already"):
        begin(roll_outs)
    with pytest.raises(RegistryError, match="answers as challenger"):
        registry.remove("support", 2)


@pytest.mark.parametrize(
    ("asked", "share", "is_shadow", "error", "says"),
    [
        ("errors", 0.1, False, CallError, "has no bound"),
        ("eror=0.1", 0.1, False, UnknownNameError, "Did you mean 'errors'"),
        ("errors=2", 0.1, False, CallError, "The bound of errors is 2"),
        ("disagreement=0.1", 0.1, False, CallError, "Only a shadow shows"),
        ("errors=0.1", 1.0, False, CallError, "The share is 1; expected"),
        ("errors=0.1", 0.0, True, CallError, "The share is 0; expected"),
    ],
)
def test_criteria_that_cannot_be_tested_are_refused(asked, share, is_shadow, error, says):
    with pytest.raises(error, match=says):
        build_criteria(read_criteria(asked), share=share, is_shadow=is_shadow)


def wait_until(is_so, seconds=60):
    deadline = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < deadline, f"still not so after {seconds} s"
        time.sleep(0.01)


def add_for_ever(folder):
    roll_outs = RollOuts(Registry(folder))
    running = roll_outs.last("support")
    while True:
        running = roll_outs.add(running, in_shadow(10, worse=0.05))  # At the bound itself nothing is decided.


def test_services_that_are_killed_leave_the_evidence_whole(registry, roll_outs):
    """The number of requests and the numbers of each criterion change together, whenever the kill comes."""
    begin(roll_outs)
    context = multiprocessing.get_context("fork")
    for _ in range(4):
        services = [context.Process(target=add_for_ever, args=(registry.folder,)) for _ in range(2)]
        for service in services:
            service.start()
        before = roll_outs.last("support").n_requests
        wait_until(lambda before=before: roll_outs.last("support").n_requests > before + 50)
        time.sleep(random.random() / 20)
        for service in services:
            service.kill()
            service.join(30)
        found = roll_outs.last("support")
        assert {one.n for one in found.decision.standings} == {found.n_requests}
        assert found.n_requests % 10 == 0


def test_a_version_that_passed_its_gate_needs_no_force(registry, roll_outs, tmp_path):
    passed = tmp_path / "passed"
    shutil.copytree(SEALED / "static.v1", passed)
    manifest = json.loads((passed / "manifest.json").read_text("utf-8"))
    manifest["gate"] = {"verdict": "pass", "may_go_live": True}
    (passed / "manifest.json").write_text(json.dumps(manifest), "utf-8")
    registry.add(passed, "support")
    running = roll_outs.begin("support", 3, build_criteria(share=0.5, is_shadow=False), share=0.5)
    assert not running.is_forced
