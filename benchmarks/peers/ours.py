"""What Metier does with the same rows; options: `method` of the catalogue, or `embed`, and `arguments` of the method."""

from benchmarks.peers.task import Meter, Task, accuracy, answer, read

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
        reached = progress.facts.get("validation_accuracy")
        if reached is not None and (not seen or reached != meter.history[-1]["accuracy"]):
            seen.append(int(progress.done))
            meter.note(seen[-1], round(reached, 4))

    meter.go()
    more: dict[str, Any] = {}
    if TASK.options.get("validate", True):
        more["validation"] = read(TASK.validation)
    method.fit(texts, labels, listener=listen, **more)
    meter.stop()
    if not seen and more:
        meter.note(len(texts), accuracy(more["validation"][1], list(method.predict(more["validation"][0]))))
    answer(TASK, meter, method.predict, examples=len(texts) * TASK.epochs, packages=("metier",))


def embed_rows() -> None:
    """Embed as every method does, nothing cached; the regression only says whether the vectors are as good."""
    from sklearn.linear_model import LogisticRegression

    from metier.bases.embedding import embed, embed_ids
    from metier.bases.huggingface_folder import load_model
    from metier.bases.known_bases import cutter_of, resolve_base

    texts, labels = read(TASK.train)
    base = resolve_base(str(TASK.base))
    model, cutter = load_model(base), cutter_of(base)
    meter = Meter()
    meter.go()
    windows = cutter.cut(texts)
    vectors = windows.average(embed_ids(model, windows.ids, normalise=base.normalise))
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
