"""Make the peers' environments: one a peer, outside the project's own, so that no side bends to another's versions.

    python -m benchmarks.peers.environments [PEER ...] [--folder .bench] [--minutes 10]

torch comes first and by itself: with it in place no later install can pull a GPU build of several GB. An environment
that exists with the same requirements is kept. A failed installation is reported with the last line of its error,
and the others continue.
"""

import argparse
import hashlib
import os
import subprocess
import sys
import venv
from pathlib import Path

HERE = Path(__file__).parent
FOLDER = HERE.parents[1] / ".bench"
PEERS = sorted(path.stem for path in (HERE / "requirements").glob("*.txt"))


def main() -> None:
    """Make the environments that were asked for; leave with an error if one is missing."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("peers", nargs="*", metavar="PEER", help=f"Default: {' '.join(PEERS)}.")
    parser.add_argument("--folder", type=Path, default=FOLDER)
    parser.add_argument("--minutes", type=float, default=10.0, help="Most for one environment.")
    options = parser.parse_args()
    failed = []
    for peer in options.peers or PEERS:
        try:
            make(peer, options.folder, seconds=options.minutes * 60)
            print(f"{peer}: ready in {options.folder / peer}", flush=True)
        except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
            output = (error.stderr or b"").decode(errors="replace").strip().splitlines()
            print(f"{peer}: not installed: {output[-1] if output else error}", file=sys.stderr, flush=True)
            failed.append(peer)
    sys.exit(f"without: {', '.join(failed)}" if failed else 0)


def make(peer: str, folder: Path, *, seconds: float) -> Path:
    """Make the environment of a peer if missing; gives its interpreter."""
    needs = HERE / "requirements" / f"{peer}.txt"
    python, ready = folder / peer / "bin" / "python", folder / peer / "ready"
    digest = hashlib.sha256(needs.read_bytes()).hexdigest()
    if ready.exists() and ready.read_text(encoding="utf-8") == digest:
        return python
    venv.create(folder / peer, with_pip=True, clear=True)
    install = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    torch = [line for line in needs.read_text(encoding="utf-8").split() if line.startswith("torch==")]
    for wanted in ([torch] if torch else []) + [["-r", str(needs), *torch]]:
        subprocess.run([*install, *wanted], check=True, timeout=seconds, stderr=subprocess.PIPE)
    ready.write_text(digest, encoding="utf-8")
    return python


def interpreter(peer: str, folder: Path = FOLDER) -> Path | None:
    """Give the interpreter of a peer's environment, or None where it was not made."""
    python = folder / peer / "bin" / "python"
    return python if os.access(python, os.X_OK) and (folder / peer / "ready").exists() else None


if __name__ == "__main__":
    main()
