"""Run every benchmark, one after the other: `python -m benchmarks`. Each prints JSON with ratios of one run."""

import subprocess
import sys
from pathlib import Path


def main() -> None:
    """Run the benchmarks of this folder in processes of their own, so that threads are set before imports."""
    here = Path(__file__).parent
    failed = []
    for path in sorted(here.glob("[!_]*.py")):
        print(f"== {path.stem}", flush=True)
        if subprocess.run(
            [sys.executable, "-m", f"benchmarks.{path.stem}"], cwd=here.parent, check=False
        ).returncode:
            failed.append(path.stem)
    sys.exit(f"failed: {', '.join(failed)}" if failed else 0)


if __name__ == "__main__":
    main()
