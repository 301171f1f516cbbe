"""Our linear chain against CRFsuite's own tagger: the same weights, the same rows, on one thread.

Both answer the same validation rows with a model of CRFsuite's; features are read the same way and counted into both.
They alternate row by row, and times are processor times, not wall time. Memory is what a fresh process grows by
when it loads the model and answers every row once.

    python -m benchmarks.crf_tagger [--rows 400]
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

# One thread each; read when numpy is first imported.
for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[variable] = "1"

import numpy as np  # noqa: E402
import psutil  # noqa: E402
import pycrfsuite  # noqa: E402

from metier.classical.crf import Crf, _Trainer  # noqa: E402
from metier.data import read  # noqa: E402
from metier.predictors.linear.crf import CrfPredictor  # noqa: E402
from metier.predictors.loading import load_predictor  # noqa: E402
from metier.tasks.answers.spans import SPANS  # noqa: E402

EXAMPLES = Path(__file__).parents[1] / "examples"
SETTINGS = {"c1": 0.1, "c2": 0.01, "max_iterations": 60}
DATA = {"ncbi_disease": "dev", "uner_zh_gsd": "dev"}


def main() -> None:
    """Train once per data set, predict with both, print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rows", type=int, default=400, help="Rows to answer of each data set.")
    parser.add_argument(
        "--grown", nargs=3, help=argparse.SUPPRESS
    )  # What, folder, rows: in a process of its own.
    options = parser.parse_args()
    if options.grown:
        what, folder, rows = options.grown
        print(grown_bytes(what, Path(folder), json.loads(Path(rows).read_text())))
        return
    facts = {name: compare(name, split, options.rows) for name, split in DATA.items()}
    print(json.dumps({"benchmark": "crf_tagger", **facts}, indent=1))


def compare(name: str, split: str, rows: int) -> dict[str, Any]:
    """Train a model and time both on validation rows of a data set."""
    train = read(EXAMPLES / name / "train.conll")
    texts = list(read(EXAMPLES / name / f"{split}.conll").texts)[:rows]
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        fit(folder, train)
        ours, theirs = load_both(folder)
        tags, times, differences = answer(ours, theirs, texts)
        (folder / "rows.json").write_text(json.dumps(texts))
        broken = broken_files(folder / "model.crfsuite")
        grown = {what: in_own_process(what, folder) for what in ("ours", "crfsuite")}
        sizes = {
            "ours": sum((folder / part).stat().st_size for part in ("features.json", "chain.safetensors")),
            "crfsuite": (folder / "model.crfsuite").stat().st_size,
        }
    return {
        "rows": len(texts),
        "tokens": int(tags),
        "tokens_with_another_tag": differences,
        "one_row_ms": {what: round(float(np.median(taken)), 3) for what, taken in times.items()},
        "ratio": round(float(np.median(times["crfsuite"] / times["ours"])), 2),
        "grown_mb": {what: round(found / 1e6, 1) for what, found in grown.items()},
        "broken_files": broken,
        "file_mb": {what: round(found / 1e6, 2) for what, found in sizes.items()},
    }


def fit(folder: Path, train: Any) -> None:
    """Leave our predictor, and CRFsuite's model of the same training."""
    texts, spans = list(train.texts), train.values("spans")
    method = Crf(**SETTINGS, outside_bias=0.0, calibration=(1.0, 0.0)).fit(texts, spans)
    method.export(folder)
    examples = SPANS.check(texts, spans)
    trainer = _Trainer(method.predictor_.features, examples, least_count=method.least_count)
    trainer.write(folder / "model.crfsuite", **SETTINGS)
    (folder / "columns.json").write_text(json.dumps(trainer.columns))


def load_both(folder: Path) -> tuple[CrfPredictor, "Theirs"]:
    """Load our predictor and CRFsuite's tagger."""
    ours = load_predictor(folder)
    assert isinstance(ours, CrfPredictor)
    return ours, Theirs(ours, folder)


class Theirs:
    """CRFsuite's tagger over our features."""

    def __init__(self, ours: CrfPredictor, folder: Path):
        self.features = ours.features
        columns = json.loads((folder / "columns.json").read_text())
        self.index = {feature: str(number) for number, feature in enumerate(columns)}
        self.tagger = pycrfsuite.Tagger()
        self.tagger.open(str(folder / "model.crfsuite"))

    def tags(self, text: str) -> list[int]:
        """Give the best tag of each token."""
        _, tokens = self.features.of_text(text)
        rows = [[number for name in names if (number := self.index.get(name))] for names in tokens]
        return [int(tag) for tag in self.tagger.tag(pycrfsuite.ItemSequence(rows))]


def our_tags(ours: CrfPredictor, text: str) -> list[int]:
    """Give the best legal tag of each token."""
    scores, _ = ours.scores(text)
    found: list[int] = ours._chain.best(scores).tolist() if len(scores) else []
    return found


def answer(ours: CrfPredictor, theirs: Theirs, texts: list[str]) -> tuple[int, dict[str, np.ndarray], int]:
    """Answer rows with both in turns; gives the number of tokens, milliseconds a row, and tags that differ."""
    ways = {"ours": lambda text: our_tags(ours, text), "crfsuite": theirs.tags}
    times = {what: np.empty(len(texts)) for what in ways}
    n_tokens = n_other = 0
    for row, text in enumerate(texts):
        found = {}
        for what in list(ways)[:: 1 if row % 2 else -1]:
            begun = time.thread_time()
            found[what] = ways[what](text)
            times[what][row] = (time.thread_time() - begun) * 1000
        n_tokens += len(found["ours"])
        n_other += sum(one != other for one, other in zip(found["ours"], found["crfsuite"], strict=True))
    return n_tokens, times, n_other


def broken_files(model: Path, *, tries: int = 40) -> dict[str, int]:
    """Change a thousandth of CRFsuite's file; gives how often it answers, refuses, kills the process."""
    whole, random = model.read_bytes(), np.random.default_rng(0)
    program = (
        "import pycrfsuite, sys; tagger = pycrfsuite.Tagger(); tagger.open(sys.argv[1]); "
        "tagger.tag(pycrfsuite.ItemSequence([['1', '2'], ['3']]))"
    )
    found = {"answers": 0, "refuses": 0, "kills the process": 0}
    for _ in range(tries):
        content = bytearray(whole)
        for place in random.integers(48, len(content), len(content) // 1000):
            content[place] = random.integers(256)
        path = model.with_suffix(".broken")
        path.write_bytes(content)
        command = [sys.executable, "-c", program, str(path)]
        code = subprocess.run(command, capture_output=True, check=False).returncode  # Our own.
        found["answers" if code == 0 else "refuses" if code > 0 else "kills the process"] += 1
    return found


def in_own_process(what: str, folder: Path) -> int:
    """Ask a fresh process how many bytes it grows by."""
    command = [sys.executable, "-m", "benchmarks.crf_tagger", "--grown", what, str(folder)]
    asked = subprocess.run(  # Our own command.
        [*command, str(folder / "rows.json")], capture_output=True, text=True, check=True
    )
    return int(asked.stdout)


def grown_bytes(what: str, folder: Path, texts: list[str]) -> int:
    """Load one of the two and answer rows; gives the bytes that the process grew by."""
    process = psutil.Process()
    if what == "ours":
        before = process.memory_info().rss
        ours = load_predictor(folder)
        assert isinstance(ours, CrfPredictor)
        for text in texts:
            our_tags(ours, text)
        return int(process.memory_info().rss - before)
    ours = load_predictor(folder)
    assert isinstance(ours, CrfPredictor)
    features_only = ours.features
    del ours
    before = process.memory_info().rss
    stand_in: Any = type("Features", (), {"features": features_only})
    theirs = Theirs(stand_in, folder)
    for text in texts:
        theirs.tags(text)
    return int(process.memory_info().rss - before)


if __name__ == "__main__":
    main()
