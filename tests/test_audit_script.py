"""`scripts/audit.py` says what pip-audit found, and plainly when nothing was audited."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[1] / "scripts" / "audit.py"
OFFLINE = "requests.exceptions.ConnectionError: Max retries exceeded: Temporary failure in name resolution"


def audit(folder, program=None):
    if program is not None:
        path = folder / "pip-audit"
        path.write_text(f"#!/bin/sh\n{program}\n", "utf-8")
        path.chmod(0o755)
    environment = {**os.environ, "PATH": f"{folder}:/usr/bin:/bin"}
    return subprocess.run([sys.executable, SCRIPT], capture_output=True, text=True, env=environment)


@pytest.mark.parametrize(
    ("program", "code", "said"),
    [
        (None, 2, "nothing was audited: pip-audit is not installed"),
        (f"echo '{OFFLINE}' >&2; exit 1", 2, "nothing was audited: no index of advisories can be reached"),
        ("echo 'starlette 0.40.0 CVE-2025-62727'; exit 1", 1, "CVE-2025-62727"),
        ("exit 0", 0, "no advisory is known"),
    ],
)
def test_what_came_of_it_is_said(program, code, said, tmp_path):
    done = audit(tmp_path, program)
    assert done.returncode == code
    assert said in done.stdout + done.stderr
