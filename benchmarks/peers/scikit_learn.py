"""TF-IDF of words and a linear support vector machine, as a tutorial of scikit-learn would write it."""

from benchmarks.peers.task import Meter, Task, answer, read

TASK = Task.asked()

from sklearn.feature_extraction.text import TfidfVectorizer  # noqa: E402
from sklearn.pipeline import make_pipeline  # noqa: E402
from sklearn.svm import LinearSVC  # noqa: E402


def main() -> None:
    """Train, score, print."""
    texts, labels = read(TASK.train)
    meter = Meter()
    meter.go()
    pipeline = make_pipeline(TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True), LinearSVC())
    pipeline.fit(texts, labels)
    answer(TASK, meter, pipeline.predict, examples=len(texts), packages=("scikit-learn",))


if __name__ == "__main__":
    main()
