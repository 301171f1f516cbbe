"""What trains names its devices, see `on_a_made_device.py`: a process of its own, as the made device stays in it."""

import subprocess
import sys
from pathlib import Path

CASES = Path(__file__).with_name("on_a_made_device.py")


def test_what_trains_on_another_device_learns_answers_and_is_exported():
    found = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", str(CASES)],
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert found.returncode == 0, found.stdout[-3000:]
    assert "8 passed" in found.stdout
