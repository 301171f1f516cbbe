"""What `scripts/fuzz_service.py` sends and how it judges; the script itself runs for longer."""

import importlib.util
import random
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "scripts" / "fuzz_service.py"


@pytest.fixture(scope="module")
def fuzzing():
    specification = importlib.util.spec_from_file_location("fuzz_service", SCRIPT)
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


def test_random_requests_get_their_own_statuses(fuzzing):
    outcome = fuzzing.fuzz(fuzzing.SEALED / "trained_relation", 300, random.Random(5))
    assert outcome.faults == []
    assert {"200", "400", "405", "422"} <= set(outcome.statuses)
    assert outcome.growth_mb < fuzzing.MOST_GROWTH_MB


@pytest.mark.parametrize(
    ("received", "is_fault"),
    [
        (b'HTTP/1.1 422 U\r\n\r\n{"error":{"code":"bad_request"}}', False),
        (b"HTTP/1.1 422 U\r\n\r\nWrong.", True),
        (b'HTTP/1.1 500 I\r\n\r\n{"error":{"code":"our_fault"}}', True),
        (b"", True),
    ],
)
def test_what_should_not_come_is_a_fault(fuzzing, received, is_fault):
    outcome = fuzzing.Outcome()
    fuzzing.judge(fuzzing.post({}), received, outcome)
    assert bool(outcome.faults) == is_fault
