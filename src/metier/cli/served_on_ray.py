"""Serve a bundle on a cluster of Ray: replicas of our service, as many as the requests in flight ask for."""

import signal
import threading
from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI
from ray import serve

from metier.cli.console import progress_console
from metier.cli.on_ray import Scaling
from metier.cli.predicted_on_ray import ray_session
from metier.cli.speech import spoken
from metier.serving import ServingSettings, build_app
from metier.serving.models import Load

NAME = "metier"


def serve_on_ray(
    load: Load | Mapping[str, Load],
    settings: ServingSettings,
    scaling: Scaling,
    *,
    host: str,
    port: int,
) -> None:
    """Serve until SIGTERM or Ctrl-C.

    Parameters
    ----------
    load : callable, or mapping of str to callable
        As `build_app` takes it; called in each replica.
    scaling : Scaling
        How many replicas.
    """
    with ray_session(scaling.most + 1):
        serve.start(http_options={"host": host, "port": port})
        try:
            serve.run(deployment(load, settings, scaling).bind(), name=NAME)
            _say_ready(f"http://{host}:{port}", scaling)
            _wait_for_signal()
        finally:
            serve.shutdown()


def deployment(load: Load | Mapping[str, Load], settings: ServingSettings, scaling: Scaling) -> Any:
    """Give the deployment: our whole service in each replica, one core each."""

    def build() -> FastAPI:
        return build_app(load, settings)

    @serve.deployment(
        name=NAME,
        autoscaling_config={
            "min_replicas": scaling.least,
            "max_replicas": scaling.most,
            "target_ongoing_requests": scaling.in_flight,
        },
        max_ongoing_requests=settings.max_waiting + settings.threads,
        ray_actor_options={"num_cpus": 1},
        graceful_shutdown_timeout_s=settings.stop_timeout_seconds,
    )
    @serve.ingress(build)
    class Service:
        """Nothing of its own: every request goes to the app."""

    return Service


def _say_ready(url: str, scaling: Scaling) -> None:
    told = {"url": url, "least": scaling.least, "most": scaling.most}
    progress_console().print(
        spoken()("serving on {url} with {least} to {most} replicas on Ray; Ctrl-C stops", **told),
        markup=False,
        soft_wrap=True,
    )


def _wait_for_signal() -> None:
    asked = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: asked.set())
    asked.wait()
