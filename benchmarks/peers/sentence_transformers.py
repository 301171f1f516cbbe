"""Embedding with sentence-transformers and a logistic regression on the vectors, all at their defaults.

The time is that of embedding; the regression only says whether the vectors are as good.
"""

from benchmarks.peers.task import Meter, Task, answer, read

TASK = Task.asked()

import torch  # noqa: E402
from sentence_transformers import SentenceTransformer  # noqa: E402
from sklearn.linear_model import LogisticRegression  # noqa: E402


def main() -> None:
    """Embed, learn, score, print."""
    torch.set_num_threads(TASK.threads)
    texts, labels = read(TASK.train)
    model = SentenceTransformer(str(TASK.base), device="cpu")
    meter = Meter()
    meter.go()
    vectors = model.encode(texts, show_progress_bar=False)
    meter.stop()
    regression = LogisticRegression(C=20.0, max_iter=1000).fit(vectors, labels)
    answer(
        TASK,
        meter,
        lambda texts: regression.predict(model.encode(texts, show_progress_bar=False)),
        examples=len(texts),
        packages=("torch", "sentence-transformers"),
    )


if __name__ == "__main__":
    main()
