"""The alert rules and the dashboard of examples/monitoring: they ask for metrics that there are, and do what they say."""

import json
import re
import shutil
import socket
import subprocess
from itertools import combinations
from pathlib import Path

import httpx
import pytest
import yaml

from metier.serving import build_app
from metier.serving.metrics import Metrics

from .conftest import wait_until
from .test_workers import ask, served

FOLDER = Path(__file__).parents[2] / "examples" / "monitoring"
NAME = re.compile(r"\bmetier_\w+")
SUFFIXES = {
    "histogram": ("_bucket", "_sum", "_count"),
    "counter": ("_total",),
    "gauge": ("",),
    "info": ("_info",),
}
needs_promtool = pytest.mark.skipif(
    shutil.which("promtool") is None, reason="promtool is not installed: apt-get install prometheus"
)


@pytest.fixture(scope="module")
def known():
    """Give the names of all series, with the labels of each metric."""
    families = list(Metrics().registry.collect())
    return {family.name + suffix for family in families for suffix in SUFFIXES.get(family.type, ("",))}


def dashboard():
    return json.loads((FOLDER / "dashboard.json").read_text("utf-8"))


def queries():
    panels = [
        (panel["title"], target["expr"]) for panel in dashboard()["panels"] for target in panel["targets"]
    ]
    rules = yaml.safe_load((FOLDER / "alerts.yml").read_text("utf-8"))["groups"][0]["rules"]
    return panels + [(rule["alert"], rule["expr"]) for rule in rules if rule["alert"] != "MetierDown"]


@pytest.mark.parametrize(("title", "query"), queries())
def test_every_query_names_metrics_that_there_are(title, query, known):
    asked = set(NAME.findall(query))
    assert asked
    assert asked <= known


def test_every_metric_of_an_answer_is_shown(known):
    shown = {name for _, query in queries() for name in NAME.findall(query)}
    families = {re.sub(r"_(bucket|sum|count|total)$", "", name) for name in shown}
    all_families = {
        re.sub(r"_(bucket|sum|count|total)$", "", name) for name in known if name.startswith("metier_")
    }
    assert all_families - families == {
        "metier_predictions", "metier_reviews", "metier_cache_bytes", "metier_build_info", "metier_bundle_info"
    }  # fmt: skip


def test_the_panels_of_the_dashboard_lie_beside_one_another():
    board = dashboard()
    assert len({panel["id"] for panel in board["panels"]}) == len(board["panels"])
    assert {variable["name"] for variable in board["templating"]["list"]} == {"datasource", "instance"}
    places = [panel["gridPos"] for panel in board["panels"]]
    assert all(place["x"] + place["w"] <= 24 for place in places)
    for one, other in combinations(places, 2):
        apart = [
            one[a] + one[n] <= other[a] or other[a] + other[n] <= one[a] for a, n in (("x", "w"), ("y", "h"))
        ]
        assert any(apart)
    for panel in board["panels"]:
        assert {target["refId"] for target in panel["targets"]} == set("ABCDEF"[: len(panel["targets"])])
        assert all(target["datasource"]["uid"] == "${datasource}" for target in panel["targets"])


def test_every_alert_says_what_to_do_and_has_a_test():
    rules = yaml.safe_load((FOLDER / "alerts.yml").read_text("utf-8"))["groups"][0]["rules"]
    for rule in rules:
        assert rule["labels"]["severity"] in ("page", "ticket")
        assert rule["annotations"]["description"].endswith(".")
    tested = yaml.safe_load((FOLDER / "alerts_test.yml").read_text("utf-8"))["tests"]
    fired = {one["alertname"] for test in tested for one in test["alert_rule_test"] if one["exp_alerts"]}
    assert fired == {rule["alert"] for rule in rules}


@needs_promtool
@pytest.mark.parametrize(
    "arguments",
    [
        ("check", "rules", "alerts.yml"),
        ("test", "rules", "alerts_test.yml"),
        ("check", "config", "prometheus.yml"),
    ],
)
def test_promtool_agrees(arguments):
    done = subprocess.run(["promtool", *arguments], cwd=FOLDER, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr


@needs_promtool
def test_the_metrics_keep_the_conventions_of_prometheus(model, start):
    client = start(build_app(lambda: model))
    client.post("/v1/predict", json={"text": "a"})
    text = client.get("/metrics").content
    done = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, b"")


@pytest.mark.slow
@pytest.mark.skipif(
    shutil.which("prometheus") is None, reason="Prometheus is not installed: apt-get install prometheus"
)
def test_a_real_prometheus_scrapes_two_workers(tmp_path):
    with served(tmp_path) as process:
        url, _ = process.stdout.readline().split()
        for _ in range(20):
            ask(url)
        with prometheus_of(url, tmp_path) as prometheus:
            asked = 'metier_http_requests_total{path="/v1/predict"}'
            wait_until(lambda: value_of(prometheus, asked) == 20, seconds=60)
            assert value_of(prometheus, "metier_workers_ready") == 2
            for title, query in queries():
                filled = query.replace("$__rate_interval", "1m").replace("$instance", ".*")
                response = httpx.get(f"{prometheus}/api/v1/query", params={"query": filled}, trust_env=False)
                assert response.json()["status"] == "success", title


class prometheus_of:
    """A Prometheus that scrapes a service every second, with the rules of the folder."""

    def __init__(self, url, folder):
        settings = yaml.safe_load((FOLDER / "prometheus.yml").read_text("utf-8"))
        settings["global"]["scrape_interval"] = "1s"
        settings["scrape_configs"][0]["static_configs"] = [{"targets": [url.removeprefix("http://")]}]
        settings["rule_files"] = [str(FOLDER / "alerts.yml")]
        (folder / "prometheus.yml").write_text(yaml.safe_dump(settings))
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.address = f"127.0.0.1:{probe.getsockname()[1]}"
        self.command = [
            "prometheus",
            f"--config.file={folder / 'prometheus.yml'}",
            f"--storage.tsdb.path={folder / 'data'}",
            f"--web.listen-address={self.address}",
        ]

    def __enter__(self):
        self.process = subprocess.Popen(self.command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        return f"http://{self.address}"

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(30)


def value_of(prometheus, query):
    try:
        found = httpx.get(
            f"{prometheus}/api/v1/query", params={"query": query}, trust_env=False, timeout=5
        ).json()
    except httpx.TransportError:
        return None
    return sum(float(one["value"][1]) for one in found["data"]["result"])
