import json
import subprocess
import sys

import pytest

from metier.bundles import ManifestFacts, seal
from metier.classical import Majority
from metier.predictors.loading import read_settings

# The peak of this process alone: getrusage would count the parent from which it was forked.
MEASURED = """
import re, sys
from metier.cli import program
code = program.run(sys.argv[1:])
with open("/proc/self/status") as file:
    print(re.search(r"VmHWM:\\s+(\\d+) kB", file.read())[1], file=sys.stderr)
sys.exit(code)
"""


@pytest.fixture
def bundle(tmp_path):
    folder = tmp_path / "majority.v1"
    folder.mkdir()
    Majority().fit(["a", "b", "c"], ["x", "y", "x"]).export(folder)
    settings = read_settings(folder)
    facts = {
        "name": settings["name"],
        "task": {"name": "classification", "labels": settings["labels"]},
        "method": settings["name"],
        "predictor": {"kind": settings["kind"], "name": settings["name"]},
        "data": {"fingerprint": "ab" * 32, "origin": "rows.csv", "rows": {"train": 3}},
    }
    seal(folder, ManifestFacts.model_validate(facts))
    return folder


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads the peak of memory from /proc")
def test_memory_does_not_grow_with_the_file(bundle, tmp_path):
    def peak_mb(rows):
        source, output = tmp_path / f"{rows}.jsonl", tmp_path / f"{rows}.out.jsonl"
        line = json.dumps({"text": "my card never came", "note": "n" * 2_000}) + "\n"
        source.write_text(line * rows, encoding="utf-8")
        command = [sys.executable, "-c", MEASURED, "predict", bundle, "--input", source, "--output", output]
        shown = subprocess.run(
            [*command, "--text", "text"], capture_output=True, text=True, timeout=200, check=True
        )
        with output.open(encoding="utf-8") as file:
            assert sum(1 for _ in file) == rows
        return int(shown.stderr.splitlines()[-1]) / 1_000

    small, large = peak_mb(8_000), peak_mb(40_000)  # 16 and 80 MB of rows.
    assert large - small < 20
