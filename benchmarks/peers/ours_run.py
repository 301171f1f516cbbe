"""What `metier train` does with the same rows: every candidate of the task, or those that the options name.

Options: `budget`, and `candidates`. The recommended bundle answers; validation is only chosen on (no refit), as on the
other side. The run predicts the test rows of every candidate and writes its report, which counts in its time.
"""

from benchmarks.peers.task import Task

TASK = Task.asked()

from collections.abc import Callable  # noqa: E402
from typing import Any  # noqa: E402

import metier  # noqa: E402
from benchmarks.peers.whole_runs import Row, answer_rows, answers_rows, learn, size_mb  # noqa: E402


def main() -> None:
    """Learn from rows, or answer single ones."""
    assert TASK.keep is not None
    if answers_rows():
        answer_rows(TASK, load)
    else:
        learn(TASK, fit, predict, packages=("torch", "metier"))


def fit() -> tuple[Any, dict[str, Any]]:
    """Train and compare the candidates; the run is kept."""
    assert TASK.keep is not None
    run = metier.train(
        TASK.train,
        validation=TASK.validation,
        test=TASK.test,
        budget=TASK.options["budget"],
        candidates=TASK.options.get("candidates"),
        base=str(TASK.base),
        seed=TASK.seed,
        threads=TASK.threads,
        refit=False,
        run=TASK.keep / "run",
    )
    assert isinstance(run, metier.Run)
    best = (TASK.keep / "run" / "best").resolve()
    named = {one["name"]: one["test"]["accuracy"]["value"] for one in run.candidates if one["test"]}
    return run.best, {"size_mb": size_mb(best), "recommended": run.recommendation.name, "candidates": named}


def predict(bundle: Any, rows: list[Row]) -> list[str]:
    """Give the labels of rows."""
    return list(bundle.predict([question(row) for row in rows]).predicted)


def question(row: Row) -> Any:
    """What a bundle is asked: a text by itself, otherwise the row."""
    return row["text"] if list(row) == ["text"] else row


def load() -> dict[str, Callable[[Row], Any]]:
    """Give the one way that the recommended bundle answers."""
    assert TASK.keep is not None
    bundle = metier.load(TASK.keep / "run", threads=TASK.threads)
    return {"predict": lambda row: bundle.predict([question(row)])}


if __name__ == "__main__":
    main()
