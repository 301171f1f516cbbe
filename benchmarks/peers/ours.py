"""What Metier does with the same rows; options: `method` of the catalogue, or `embed`, and `arguments` of the method."""

from benchmarks.peers.task import Meter, Task, answer, read

TASK = Task.asked()

from typing import Any  # noqa: E402

from metier.catalogue import resolve  # noqa: E402
from metier.progress import Progress  # noqa: E402


def main() -> None:
    """Train, score, print."""
    if TASK.options["method"] == "embed":
        embed_rows()
    else:
        train()


def train() -> None:
    """Fit a method with its defaults; epochs are scored on validation within the time."""
    texts, labels = read(TASK.train)
    method = resolve(TASK.options["method"])(**TASK.options.get("arguments", {}))
    if "epochs" in method.get_params():
        method.set_params(epochs=TASK.epochs)
    meter = Meter()
    seen: list[int] = []

    def listen(progress: Progress) -> None:
        accuracy = progress.facts.get("validation_accuracy")
        if accuracy is not None and progress.done not in seen:
            seen.append(progress.done)
            meter.note(progress.done, accuracy)

    meter.go()
    more: dict[str, Any] = {}
    if TASK.options.get("validate", True):
        more["validation"] = read(TASK.validation)
    method.fit(texts, labels, listener=listen, **more)
    answer(TASK, meter, method.predict, examples=len(texts) * TASK.epochs, packages=("metier",))


def embed_rows() -> None:
    """Embed as every method here does, without the cache; the regression only says whether the vectors are as good."""
    from sklearn.linear_model import LogisticRegression

    from metier.transformer.bases import resolve_base
    from metier.transformer.embedding import embed

    texts, labels = read(TASK.train)
    base = resolve_base(str(TASK.base))
    meter = Meter()
    meter.go()
    vectors = embed(base, texts, threads=TASK.threads, cache=False)
    meter.stop()
    regression = LogisticRegression(C=20.0, max_iter=1000).fit(vectors, labels)
    answer(
        TASK,
        meter,
        lambda texts: regression.predict(embed(base, texts, cache=False)),
        examples=len(texts),
        packages=("metier",),
    )


if __name__ == "__main__":
    main()
