"""Answer a file on a cluster of Ray: Ray Data gives the parts of it to workers, and starts those that died again."""

import logging
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import ray
import ray.data

from metier.bundles import Bundle, load_bundle
from metier.cli.cut_files import Job, answer_in_parts, answer_part


@contextmanager
def ray_session(workers: int) -> Iterator[None]:
    """Connect to the cluster of RAY_ADDRESS, or start one of so many cores here, without a dashboard."""
    if ray.is_initialized():  # Whoever calls from a program of their own keeps their session.
        yield
        return
    # Nothing that a worker prints is an answer of ours.
    ray.init(
        num_cpus=None if "RAY_ADDRESS" in os.environ else workers,
        include_dashboard=False,
        log_to_driver=False,
        logging_level=logging.ERROR,
    )
    logging.getLogger("ray.data").setLevel(logging.ERROR)
    try:
        yield
    finally:
        ray.shutdown()


class PartAnswers:
    """A worker: it loads the bundle once, and answers parts."""

    def __init__(self, job: Job):
        self._job, self._model = job, load_bundle(job.bundle, threads=1)

    def __call__(self, batch: dict[str, Any]) -> dict[str, Any]:
        """Answer some parts, and give how many rows they had."""
        return {"rows": [answer_part(self._model, self._job, int(part)) for part in batch["part"]]}


def predict_on_ray(
    model: Bundle, bundle: Path, source: Path, output: Path, *, workers: int, **how: Any
) -> dict[str, Any]:
    """Answer the rows of a file into another on a cluster; takes, gives and raises what `answer_in_parts` does.

    Parameters
    ----------
    workers : int
        The most, a core each.
    """

    def answer(job: Job, parts: Sequence[int]) -> Iterator[int]:
        with ray_session(workers):
            ray.data.DataContext.get_current().enable_progress_bars = False
            asked = ray.data.from_items([{"part": part} for part in parts], override_num_blocks=len(parts))
            pool = ray.data.ActorPoolStrategy(min_size=1, max_size=workers)
            answered = asked.map_batches(
                PartAnswers, fn_constructor_args=(job,), batch_size=1, compute=pool, num_cpus=1
            )
            done = 0
            for row in answered.iter_rows():
                done += row["rows"]
                yield done

    return answer_in_parts(model, bundle, source, output, answer=answer, **how)
