"""Look the installed packages up in an index of advisories, by pip-audit; `make audit`.

Exit codes: 0 nothing is known against them, 1 something is, 2 nothing was audited.
"""

import re
import shutil
import subprocess
import sys
from pathlib import Path

CONSTRAINTS = Path(__file__).parents[1] / "constraints.txt"
UNREACHABLE = re.compile(
    r"ConnectionError|NewConnectionError|NameResolutionError|Max retries|Temporary failure|timed out|ServiceError"
)
FOUND, NOT_AUDITED = 1, 2


def main() -> int:
    """Run pip-audit over the exact versions of constraints.txt and say what came of it."""
    program = shutil.which("pip-audit")
    if program is None:
        return _not_audited("pip-audit is not installed. Install it with: pip install 'metier[audit]'")
    command = [program, "--no-deps", "--disable-pip", "--progress-spinner", "off", "-r", str(CONSTRAINTS)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode and UNREACHABLE.search(done.stderr):
        reason = done.stderr.strip().splitlines()[-1]
        return _not_audited(
            f"no index of advisories can be reached ({reason}). Run it again where there is a network."
        )
    print(done.stdout + done.stderr, end="")
    if done.returncode:
        print("audit: see the advisories above; raise the floors in pyproject.toml and constraints.txt")
        return FOUND
    print("audit: no advisory is known against the versions of constraints.txt")
    return 0


def _not_audited(reason: str) -> int:
    print(f"audit: nothing was audited: {reason}", file=sys.stderr)
    return NOT_AUDITED


if __name__ == "__main__":
    sys.exit(main())
