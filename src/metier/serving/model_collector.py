"""What Prometheus is told of the models of a service: which versions answer, what took over, and what stands in the way."""

from collections.abc import Iterator

from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from metier.serving.models import Models


class ModelCollector(Collector):
    """The models of a service as they are when they are asked about; nothing of a single bundle without a name.

    Parameters
    ----------
    models : Models
    """

    def __init__(self, models: Models):
        self._models = models

    def describe(self) -> list[Metric]:
        """Give nothing yet: what there is depends on what is served."""
        return []

    def collect(self) -> Iterator[Metric]:
        """Give the versions that answer, the swaps, and the number of problems."""
        if self._models.first.version is None:
            return
        versions = GaugeMetricFamily(
            "metier_model_version", "Version that answers, by model and alias.", labels=["model", "alias"]
        )
        for model in self._models.each:
            for alias in model.aliases or [""]:
                if model.version is not None:
                    versions.add_metric([model.name, alias], model.version)
        swaps = CounterMetricFamily(
            "metier_model_swaps", "Versions that took over, or were refused.", labels=["model", "outcome"]
        )
        for key, number in self._models.swaps.items():
            swaps.add_metric(list(key), number)
        problems = GaugeMetricFamily(
            "metier_registry_problems", "Aliases that are not served as they should be."
        )
        problems.add_metric([], len(self._models.problems))
        yield from (versions, swaps, problems)
