"""A session of Ray: on the cluster that RAY_ADDRESS names, else on worker processes of this machine."""

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager

import ray


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
