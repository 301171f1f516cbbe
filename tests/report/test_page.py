"""The page of a report: built from real answers of small models, then read back as a browser would."""

import base64
import copy
import csv
import hashlib
import json
import re
import time
import xml.etree.ElementTree as ElementTree
from dataclasses import asdict
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.stats import binomtest
from sklearn.decomposition import TruncatedSVD
from sklearn.dummy import DummyClassifier
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import (
    accuracy_score,
    confusion_matrix,
    f1_score,
    log_loss,
    precision_recall_fscore_support,
)
from sklearn.naive_bayes import MultinomialNB
from sklearn.pipeline import make_pipeline

from metier.audit.finding import Finding
from metier.evaluation.comparison import compare
from metier.report.numbers import milliseconds, p_value, points, seconds, signed_points, size
from metier.report.page import render_report
from metier.report.plot_labels import Box, place_labels
from metier.report.plots import Estimate, frontier, quality_cost_plot, quality_scale
from metier.report.svg import nice_ticks
from metier.selection.search.searched import Trial

EXAMPLES = Path(__file__).parents[2] / "examples"
VOID = {"meta", "br", "wbr", "link", "img", "hr", "input"}


def rows_of(path: Path, *, per_label: int) -> tuple[list[str], list[str]]:
    """The first rows of each label of a file of ours."""
    taken: dict[str, int] = {}
    texts, labels = [], []
    with path.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            if taken.get(row["label"], 0) < per_label:
                taken[row["label"]] = taken.get(row["label"], 0) + 1
                texts.append(row["text"])
                labels.append(row["label"])
    return texts, labels


def interval(metric: Any, truth: np.ndarray, predicted: np.ndarray) -> dict[str, float]:
    draws = np.random.default_rng(0).integers(0, len(truth), size=(20, len(truth)))
    values = sorted(metric(truth[draw], predicted[draw]) for draw in draws)
    return {"value": metric(truth, predicted), "low": values[0], "high": values[-1]}


def macro_f1(truth: np.ndarray, predicted: np.ndarray) -> float:
    return float(f1_score(truth, predicted, average="macro", zero_division=0))


def bins_of(probabilities: np.ndarray, right: np.ndarray) -> list[dict[str, Any]]:
    sure, bins = probabilities.max(axis=1), []
    for low in np.arange(10) / 10:
        inside = (sure > low) & (sure <= low + 0.1)
        rows = int(inside.sum())
        bins.append(
            {
                "low": float(low),
                "high": float(low + 0.1),
                "confidence": float(sure[inside].mean()) if rows else None,
                "accuracy": float(right[inside].mean()) if rows else None,
                "rows": rows,
            }
        )
    return bins


def scores(truth: np.ndarray, probabilities: np.ndarray, labels: list[str]) -> dict[str, Any]:
    predicted = np.asarray(labels)[probabilities.argmax(axis=1)]
    filled = [each for each in bins_of(probabilities, predicted == truth) if each["rows"]]
    gaps = sum(abs(each["confidence"] - each["accuracy"]) * each["rows"] for each in filled)
    return {
        "accuracy": interval(lambda a, b: float(accuracy_score(a, b)), truth, predicted),
        "macro_f1": interval(macro_f1, truth, predicted),
        "log_loss": float(log_loss(truth, probabilities, labels=labels)),
        "calibration_error": float(gaps / len(truth)),
    }


def comparison(a: str, b: str, truth: np.ndarray, predicted: dict[str, np.ndarray]) -> dict[str, Any]:
    gain = (predicted[a] == truth).astype(float) - (predicted[b] == truth)
    error = 1.96 * gain.std() / np.sqrt(len(gain))
    p = binomtest(int((gain > 0).sum()), max(int((gain != 0).sum()), 1)).pvalue
    low, high = gain.mean() - error, gain.mean() + error
    verdict = "a is better" if low > 0 else "b is better" if high < 0 else "no difference shown"
    return {
        "a": a,
        "b": b,
        "metric": "accuracy",
        "difference": float(gain.mean()),
        "low": float(low),
        "high": float(high),
        "p_value": float(p),
        "verdict": verdict,
    }


def compared(
    chosen: str, ranked: list[str], truth: np.ndarray, predicted: dict[str, np.ndarray]
) -> dict[str, Any]:
    """The recommended candidate against each other one, and what the choice went by."""
    against = {
        name: comparison(chosen, name, truth, predicted) | {"chance_worse": 0.25}
        for name in ranked
        if name != chosen
    }
    best = next(name for name in ranked if name != chosen)
    rows = {"validation": len(truth) // 2, "out_of_fold": 0}
    return {
        "against": against,
        "comparisons": list(against.values()),
        "decision": {"rows": rows, "best": best, "tolerance": 0.01, "against_best": against[best]},
    }


def detail_of(
    name: str, texts: list[str], truth: np.ndarray, probabilities: np.ndarray, labels: list[str]
) -> dict[str, Any]:
    predicted = np.asarray(labels)[probabilities.argmax(axis=1)]
    matrix = confusion_matrix(truth, predicted, labels=labels)
    wrong = matrix * (1 - np.eye(len(labels), dtype=int))
    blamed = np.sort(np.argsort(-(wrong.sum(axis=0) + wrong.sum(axis=1)), kind="stable")[:12])
    pairs = [(int(wrong[i, j]), labels[i], labels[j]) for i, j in np.argwhere(wrong)]
    precision, recall, f1, support = precision_recall_fscore_support(
        truth, predicted, labels=labels, zero_division=0
    )
    sure = probabilities.max(axis=1)
    mistaken = sorted(np.flatnonzero(predicted != truth), key=lambda index: -sure[index])[:20]
    return {
        "name": name,
        "split": "test",
        "reliability": bins_of(probabilities, predicted == truth),
        "calibration_error": scores(truth, probabilities, labels)["calibration_error"],
        "confusions": [
            {"truth": a, "predicted": b, "rows": rows} for rows, a, b in sorted(pairs, reverse=True)[:20]
        ],
        "confusion_matrix": {
            "labels": [labels[index] for index in blamed],
            "counts": matrix[np.ix_(blamed, blamed)].tolist(),
        },
        "per_label": [
            {"label": label, "precision": float(p), "recall": float(r), "f1": float(f), "rows": int(s)}
            for label, p, r, f, s in zip(labels, precision, recall, f1, support, strict=True)
        ],
        "mistakes": [
            {
                "row": int(index) + 1,
                "text": texts[index],
                "truth": str(truth[index]),
                "predicted": str(predicted[index]),
                "probability": float(sure[index]),
                "answered_by": "tfidf_linear.v1" if number % 3 else "average.v1",
            }
            for number, index in enumerate(mistaken)
        ],
    }


def methods(analyzer: str) -> dict[str, Any]:
    words: dict[str, Any] = {"analyzer": analyzer, "ngram_range": (1, 2), "sublinear_tf": True}
    return {
        "majority.v1": DummyClassifier(strategy="prior"),
        "bayes.v1": make_pipeline(TfidfVectorizer(**words), MultinomialNB(alpha=0.05)),
        "static.v1": make_pipeline(
            TfidfVectorizer(**words), TruncatedSVD(60, random_state=0), LogisticRegression(C=30)
        ),
        "tfidf_linear.v1": make_pipeline(TfidfVectorizer(**words), LogisticRegression(C=10)),
    }


def run_race(
    folder: str, *, train_per_label: int, test_per_label: int, analyzer: str, language: str
) -> dict[str, Any]:
    """A report in the shape of `selection.report_facts`, its numbers from real answers to real rows."""
    texts, given = rows_of(EXAMPLES / folder / "train.csv", per_label=train_per_label)
    test_texts, test_given = rows_of(EXAMPLES / folder / "test.csv", per_label=test_per_label)
    truth, labels = np.asarray(test_given), sorted(set(given))
    half = len(truth) // 2  # Stands in for validation where the page wants a second figure.
    answers, candidates = {}, []
    for name, method in methods(analyzer).items():
        begun = time.perf_counter()
        method.fit(texts, given)
        fitted = time.perf_counter() - begun
        answers[name] = method.predict_proba(test_texts)
        candidates.append({"name": name, "train_seconds": fitted, "latency_ms": latency(method, test_texts)})
    answers["average.v1"] = (2 * answers["tfidf_linear.v1"] + answers["bayes.v1"] + answers["static.v1"]) / 4
    slow = {key: sum(each["latency_ms"][key] for each in candidates[1:]) for key in ("p50", "p95", "mean")}
    candidates.append({"name": "average.v1", "train_seconds": 0.4, "latency_ms": slow})
    for number, each in enumerate(candidates):
        each |= {
            "status": "trained",
            "why": None,
            "trained_on": "train + validation" if number > 2 else "train",
            "validation": scores(truth[:half], answers[each["name"]][:half], labels),
            "test": scores(truth, answers[each["name"]], labels),
            "rows_per_second": 1000 / each["latency_ms"]["mean"],
            "size_bytes": 30_000 * (number + 1) ** 4,
            "params": {"C": 10.0, "analyzer": analyzer},
            "facts": {"export": {"precision": "fp32", "largest_difference": 3.2e-7}, "epochs": 4},
            "members": [],
        }
    predicted = {name: np.asarray(labels)[each.argmax(axis=1)] for name, each in answers.items()}
    ranked = sorted(answers, key=lambda name: -float(np.mean(predicted[name] == truth)))
    absent = {
        "validation": None,
        "test": None,
        "train_seconds": 0.0,
        "latency_ms": None,
        "rows_per_second": None,
    }
    absent |= {"size_bytes": None, "params": {}, "facts": {}, "trained_on": "train", "members": []}
    candidates += [
        {"name": "encoder.v1", "status": "dropped", "why": "needs 14 min; 6 min of the budget were left"}
        | absent,
        {"name": "frozen_linear.v1", "status": "failed", "why": "the base needs 310 MB, and the disk is full"}
        | absent,
    ]
    return {
        "format": "metier.report.v1",
        "run": f"runs/2026-11-22T10-15-03-{folder}",
        "created": "2026-11-22T10:15:03+00:00",
        "task": "classification",
        "primary_metric": "accuracy",
        "recommended": "tfidf_linear.v1",
        "recommendation": "ship tfidf_linear.v1: level with average.v1 (p = 0.62) at a third of its cost",
        "reasons": [
            "No candidate is shown to be more accurate on the validation rows.",
            "average.v1 is a little higher, within what chance explains, and takes three times as long.",
        ],
        "data": {
            "origin": f"examples/{folder}/train.csv",
            "language": language,
            "rows": {"train": len(texts), "validation": half, "test": len(truth)},
            "labels": labels,
            "label_counts": {label: given.count(label) for label in labels},
            "text_column": "text",
            "label_column": "label",
            "notes": [
                "Read as UTF-8, comma separated.",
                "Column text is the text: it has the longest values (--text).",
            ],
            "fingerprint": "sha256:8f3cbb1f6a9e",
        },
        "audit": findings_about(texts, test_texts),
        "candidates": candidates,
        **compared("tfidf_linear.v1", ranked, truth, predicted),
        "refit": {
            "is_wanted": True,
            "done": ["tfidf_linear.v1"],
            "left_out": {"static.v1": {"needed_seconds": 50.0, "left_seconds": 12.0}},
        },
        "cascade": {
            "stages": ["bayes.v1", "average.v1"],
            "threshold": 0.83,
            "kept_fraction": 0.412,
            "kept_fraction_test": 0.405,
            "certificate": {
                "threshold": 0.83,
                "kept_fraction": 0.412,
                "margin": 0.005,
                "confidence": 0.95,
                "reason": "3 rows lost and 4 won among the 412 kept",
                "rows": 1000,
                "losses": 3,
            },
        },
        "detail": detail_of("tfidf_linear.v1", test_texts, truth, answers["tfidf_linear.v1"], labels),
        "settings": {
            "data": {"train": "train.csv", "validation_fraction": 0.1},
            "budget_minutes": 10.0,
            "candidates": None,
            "methods": {"encoder": {"epochs": 5, "learning_rate": 2e-5}},
        },
        "versions": {"metier": "0.1.0", "numpy": "2.4.6", "scikit-learn": "1.9.1"},
        "machine": {
            "cores": 2,
            "memory_bytes": 25_200_000_000,
            "cpu": "AMD EPYC 9B14",
            "instruction_sets": ["avx2", "avx512f", "avx512_vnni"],
        },
        "seconds": 431.6,
        "budget_seconds": 600.0,
    }


def findings_about(texts: list[str], test_texts: list[str]) -> list[dict[str, Any]]:
    """Findings as the audit tells them, the least important first."""
    like = tuple({"row": number + 1, "text": text, "like": texts[0]} for number, text in enumerate(texts[1:4]))
    leaked = tuple(
        {"row": number + 1, "text": text, "label": "x"} for number, text in enumerate(test_texts[:4])
    )
    findings = [
        Finding("imbalance", "note", "The smallest label has 10 rows.", rows=tuple(range(10))),
        Finding(
            "leaks",
            "error",
            "4 rows of test.csv also stand in train.csv: your test figures would be too good.",
            rows=(0, 1, 2, 3),
            origin="test.csv",
            examples=leaked,
            remedy="--drop-leaks",
        ),
        Finding(
            "near_duplicates", "warning", "3 rows nearly repeat another row.", rows=(1, 2, 3), examples=like
        ),
    ]
    return [finding.as_dict() for finding in findings]


def latency(method: Any, texts: list[str]) -> dict[str, float]:
    times = []
    for text in texts[:30]:
        begun = time.perf_counter()
        method.predict_proba([text])
        times.append(1000 * (time.perf_counter() - begun))
    return {
        "p50": float(np.median(times)),
        "p95": float(np.quantile(times, 0.95)),
        "mean": float(np.mean(times)),
    }


@pytest.fixture(scope="module")
def banking() -> dict[str, Any]:
    return run_race("banking77", train_per_label=10, test_per_label=5, analyzer="word", language="en")


@pytest.fixture(scope="module")
def chinese() -> dict[str, Any]:
    return run_race("csl_category_zh", train_per_label=40, test_per_label=25, analyzer="char", language="zh")


class Page(HTMLParser):
    """Reads a page strictly: every element that opens closes, in order."""

    def __init__(self, html: str):
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.faults: list[str] = []
        self.ids: list[str] = []
        self.links: list[tuple[str, str]] = []
        self.tags: list[str] = []
        self.words: list[str] = []
        self.feed(html)
        self.close()
        self.text = " ".join(self.words)
        self.faults += [f"<{tag}> never closes" for tag in self.open]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        for name, value in attrs:
            if name == "id":
                self.ids.append(value or "")
            if name in ("href", "src", "srcset", "action", "data", "style", "xlink:href"):
                self.links.append((name, value or ""))
            if name.startswith("on"):
                self.faults.append(f"<{tag}> has {name}")
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.faults.append(f"</{tag}> at {self.getpos()} closes something else")

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] not in ("style", "script"):
            self.words.append(data)


def read(report: dict[str, Any]) -> Page:
    """Render, and check what is true of every page."""
    html = render_report(report)
    page = Page(html)
    assert not page.faults
    assert len(page.ids) == len(set(page.ids))
    for name, value in page.links:
        if name == "href":
            assert value.startswith("#")
            assert value[1:] in page.ids
        else:
            assert name == "style"
            assert re.fullmatch(r"--(heat|share):[01]\.\d+", value)
    assert page.tags.count("script") == 1
    assert_only_our_script_may_run(html)
    assert not re.search(r"https?:|url\(|@import|//[a-z]", html)
    assert len(html.encode()) < 500_000
    for picture in re.findall(r"<svg.*?</svg>", html, re.S):
        root = ElementTree.fromstring(picture)
        assert root.get("role") == "img"
        assert root.get("aria-label")
        assert not re.search(r"nan|inf\b", picture)
    return page


def assert_only_our_script_may_run(html: str) -> None:
    """The one script is the one that the content policy names, wherever a text of a stranger stands."""
    (script,) = re.findall(r"<script>(.*?)</script>", html, re.S)
    own = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    (policy,) = re.findall(r'Content-Security-Policy" content="([^"]*)"', html)
    assert f"script-src 'sha256-{own}'" in policy.replace("&#39;", "'")
    assert "unsafe-inline" not in policy.split("script-src")[1]


def squeezed(text: str) -> str:
    return re.sub(r"\s+", "", text)


@pytest.mark.parametrize("name", ["banking", "chinese"])
def test_holds_every_candidate_mistake_label_and_finding(name, request):
    report = request.getfixturevalue(name)
    text = squeezed(read(report).text)
    for candidate in report["candidates"]:
        assert squeezed(candidate["name"]) in text
        assert squeezed(candidate["why"] or "") in text
    assert len(report["detail"]["mistakes"]) == 20
    for mistake in report["detail"]["mistakes"]:
        assert squeezed(mistake["text"]) in text
    for label in report["data"]["labels"]:
        assert label in text
    for finding in report["audit"]:
        assert squeezed(finding["sentence"]) in text
        assert all(squeezed(example["text"]) in text for example in finding["examples"])
    assert squeezed(f"row 2, like “{report['audit'][2]['examples'][0]['like']}”") in text
    assert text.index(squeezed("too good")) < text.index(squeezed("nearly repeat"))
    assert squeezed(f"metier serve {report['run']}") in text


def test_the_conclusion_comes_first(banking):
    text = read(banking).text
    order = ["Ship tfidf_linear.v1", "metier serve", "Best first", "What it confuses", "How this was made"]
    places = [squeezed(text).index(squeezed(each)) for each in order]
    assert places == sorted(places)


def test_quality_is_written_with_its_interval(banking):
    report = copy.deepcopy(banking)
    figures = {"value": 0.9409, "low": 0.9322, "high": 0.9489}
    report["candidates"][3]["test"]["accuracy"] = figures
    text = read(report).text
    assert "94.1 [93.2, 94.9]" in text
    assert "94.1 %" in text[: text.index("metier serve")]
    report["candidates"][3]["test"]["accuracy"] = figures | {"low": 0.82, "high": 0.99}
    assert "94 [82, 99]" in read(report).text


def test_rows_of_strangers_stay_text(banking):
    hostile = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)> {{ 7 * 7 }} \x00\x1b[31m \ud800 \u202e"
    report = copy.deepcopy(banking)
    report["detail"]["mistakes"][0] |= {"text": hostile, "truth": hostile, "predicted": hostile}
    report["detail"]["confusions"][0]["truth"] = hostile
    report["detail"]["confusion_matrix"]["labels"][0] = hostile
    report["detail"]["per_label"][0]["label"] = hostile
    report["audit"][0] |= {"sentence": hostile, "examples": [hostile], "remedy": hostile}
    report["against"][hostile] = report["against"].pop(report["candidates"][0]["name"])
    report["candidates"][0]["name"] = hostile
    report["candidates"][-1]["why"] = hostile
    report["data"] |= {"origin": hostile, "notes": [hostile], "language": hostile, "text_column": hostile}
    report["settings"] = {hostile: {hostile: hostile}}
    report |= {"run": hostile, "recommendation": f"{hostile}: {hostile}", "reasons": [hostile]}
    page = read(report)
    assert "img" not in page.tags
    assert page.text.count("<script>alert(1)</script>") >= 15
    assert "{{ 7 * 7 }} ␀␛[31m ?" in page.text


def test_a_text_of_a_megabyte_does_not_bury_the_page(banking):
    report = copy.deepcopy(banking)
    report["detail"]["mistakes"][3]["text"] = "汉字" * 500_000
    report["audit"][1]["examples"] = ["x" * 1_000_000]
    report["data"]["origin"] = "d/" * 4000
    assert "(1,000,000 characters)" in read(report).text


def test_no_test_rows_is_said(banking):
    report = copy.deepcopy(banking)
    report["data"]["rows"]["test"] = 0
    report["detail"]["split"] = "validation"
    for candidate in report["candidates"]:
        candidate["test"] = None
    text = read(report).text
    assert "There were no test rows" in text
    assert "Test rows were predicted once" not in text
    assert "There were no test rows" not in read(banking).text


def test_one_candidate_has_nothing_to_be_compared_with(banking):
    report = copy.deepcopy(banking)
    report |= {
        "candidates": report["candidates"][3:4],
        "comparisons": [],
        "against": {},
        "cascade": None,
        "audit": [],
        "reasons": [],
    }
    text = read(report).text
    assert "tfidf_linear.v1 is the only candidate that was trained" in text
    assert "The cascade" not in text
    assert "No problem was found in the rows." in text
    assert "Quality against cost" not in text
    assert "Quality against cost" in read(banking).text


def with_facts(report: dict[str, Any], name: str, facts: dict[str, Any]) -> dict[str, Any]:
    report = copy.deepcopy(report)
    next(each for each in report["candidates"] if each["name"] == name)["facts"] |= facts
    return report


def test_epochs_are_a_table_and_facts_are_in_words(banking):
    epochs = [
        {"epoch": n, "loss": 1 / n, "accuracy": 0.8 + n / 100, "score": 0.8 + n / 100, "seconds": 3.0 * n}
        for n in (1, 2)
    ]
    export = {"why": "fp32 was asked for", "size_bytes": {"fp32": 90_291_320}, "flips": None, "latency_ms": {}}
    facts = {"epochs": epochs, "best_epoch": 2, "padding_fraction": 0.0492, "stopped_by": "plateau"}
    text = squeezed(
        read(with_facts(banking, "tfidf_linear.v1", facts | {"export": export, "x_y": [{"c1": 0.1}]})).text
    )
    assert all(
        each in text for each in map(squeezed, ("Epochs", "1.0000", "0.8100", "2, kept", "0.5000", "0.8200"))
    )
    assert squeezed("why this precision fp32 was asked for") in text
    assert squeezed("size of the model: fp32 90 MB") in text
    assert squeezed("share of padding in the batches 4.9 %") in text
    assert squeezed("why training ended no improvement") in text
    assert squeezed("x y c1 0.1") in text
    assert not any(each in text for each in ("{", "padding_fraction", "export."))


def test_trials_of_a_search_are_a_table(banking):
    trials = [
        Trial(0, {}, 0, 1 / 3, 0.41, 2.0),
        Trial(1, {"learning_rate": 3.1e-5, "layer_decay": 0.8}, 0, 1 / 3, 0.52, 2.1),
        Trial(1, {"learning_rate": 3.1e-5, "layer_decay": 0.8}, 2, 3.0, 0.8123, 19.0),
        Trial(0, {}, 2, 3.0, 0.8045, 18.0),
    ]
    facts = {"trials": [asdict(trial) for trial in trials], "params": trials[1].params}
    page = read(with_facts(banking, "tfidf_linear.v1", facts))
    text = squeezed(page.text)
    order = ["0.8123", "0.8045", "0.5200", "0.4100"]
    places = [text.index(each) for each in order]
    assert places == sorted(places)
    assert squeezed("learning_rate 3.1e-05, layer_decay 0.8 trained whole, kept 0.8123") in text
    assert squeezed("the defaults trained whole 0.8045") in text
    assert "'rung'" not in page.text
    assert "Trials of the search" not in read(banking).text


def test_ingredients_of_a_soup_are_a_table(banking):
    ingredients = [
        {"recipe": {"learning_rate": 2e-4 * rate, "random_state": seed}, "log_loss": loss, "accuracy": accuracy}
        for seed, (rate, loss, accuracy) in enumerate([(1.0, 0.61, 0.8), (0.7, 0.42, 0.85), (1.4, 0.77, 0.79)])
    ]
    truth = np.arange(20) % 2
    facts = {
        "ingredients": ingredients,
        "kept": [1, 0],
        "soup": {"log_loss": 0.401, "accuracy": 0.87},
        "ensemble": {"log_loss": 0.399, "accuracy": 0.88},
        "comparison": asdict(compare(truth, truth, np.where(np.arange(20) < 4, 1 - truth, truth))),
    }
    text = squeezed(read(with_facts(banking, "tfidf_linear.v1", facts)).text)
    assert squeezed("1 0.00014 1 yes 0.4200 85.0") in text
    assert squeezed("2 0.00028 2 no 0.7700 79.0") in text
    assert squeezed("the soup 0.4010 87.0") in text
    assert squeezed("On validation the soup gains +20.0 points of accuracy") in text
    assert "comparison.difference" not in text


def test_figures_of_rankings_stand_beside_the_metrics(banking):
    report = copy.deepcopy(banking)
    report["candidates"][3]["test"]["label_ranking_precision"] = {"value": 0.7312, "low": 0.70, "high": 0.76}
    text = squeezed(read(report).text)
    assert squeezed("test label ranking precision 73.1 % [70.0, 76.0]") in text
    assert squeezed("test log-loss") in text


def test_answers_without_a_mistake(banking):
    report = copy.deepcopy(banking)
    report["detail"] |= {"mistakes": [], "confusions": [], "confusion_matrix": {"labels": [], "counts": []}}
    text = read(report).text
    assert "It made no mistake on the test rows." in text
    assert "No row was answered with a wrong label." in text


@pytest.mark.parametrize("n_labels", [2, 150, 2000])
def test_any_number_of_labels(banking, n_labels):
    report = copy.deepcopy(banking)
    names = [f"label_{number}_with_a_name_that_does_not_want_to_end_{number}" for number in range(n_labels)]
    shown = names[:12]
    generator = np.random.default_rng(0)
    report["data"] |= {"labels": names, "label_counts": dict.fromkeys(names, 7)}
    report["detail"] |= {
        "per_label": [
            {"label": name, "precision": 0.5, "recall": 0.5, "f1": float(generator.random()), "rows": 3}
            for name in names
        ],
        "confusion_matrix": {"labels": shown, "counts": generator.integers(0, 9, (len(shown),) * 2).tolist()},
        "confusions": [{"truth": names[0], "predicted": names[1], "rows": 8}],
    }
    text = read(report).text
    assert ("The 400 weakest of 2,000 labels" in text) == (n_labels == 2000)
    weakest = min(report["detail"]["per_label"], key=lambda row: row["f1"])
    assert f"The weakest by F1: “{weakest['label']}”" in text


def test_labels_without_a_mistake_are_not_called_the_weakest(banking):
    report = copy.deepcopy(banking)
    for row in report["detail"]["per_label"]:
        row["f1"] = 1.0
    text = read(report).text
    assert "Every label has an F1 of 100 %." in text
    assert "The weakest by F1" not in text


def test_a_cascade_that_does_not_pay_says_why(banking):
    report = copy.deepcopy(banking)
    report["cascade"] |= {"threshold": None, "kept_fraction": 0.0}
    report["cascade"]["certificate"] |= {"threshold": None, "reason": "200 rows cannot certify any threshold."}
    assert "A cascade does not pay here: 200 rows cannot certify any threshold." in read(report).text


def test_comparisons_name_the_better_one(banking):
    report = copy.deepcopy(banking)
    pair = {
        "a": "one.v1",
        "b": "two.v1",
        "metric": "macro_f1",
        "difference": -0.031,
        "low": -0.05,
        "high": -0.012,
    }
    pair |= {"p_value": 0.0004, "verdict": "b is better", "chance_worse": 0.98}
    report["comparisons"] = [pair]
    text = read(report).text
    assert "two.v1 has a better macro-F1 than one.v1" in text
    assert (
        "−3.1 points [−5.0, −1.2], adjusted p < 0.001, 98 % chance that one.v1 is more than 1 point worse"
        in text
    )


def test_the_page_is_the_same_from_json(banking):
    assert render_report(json.loads(json.dumps(banking))) == render_report(banking)


def test_a_floor_far_below_is_left_off_the_scale():
    field = [Estimate(f"m{v}", v, v - 0.01, v + 0.01, 1.0) for v in (0.94, 0.935, 0.91)]
    baseline = Estimate("majority.v1", 0.013, 0.01, 0.017, 0.001)
    low, high = quality_scale([*field, baseline])
    assert 0.88 < low < 0.90
    assert 0.95 < high < 0.96
    assert "majority.v1: 1.3 %, off the scale" in quality_cost_plot(
        [*field, baseline], metric="accuracy", width=700, height=400
    )
    chosen = Estimate("majority.v1", 0.013, 0.01, 0.017, 0.001, is_recommended=True)
    assert quality_scale([*field, chosen])[0] < 0.013


@pytest.mark.parametrize("seed", range(12))
def test_labels_never_hide_one_another(seed):
    generator = np.random.default_rng(seed)
    anchors = [(float(x), float(y)) for x, y in generator.normal((400, 200), (70, 50), (12, 2))]
    dots = [Box(x - 6, y - 6, x + 6, y + 6) for x, y in anchors]
    names = [f"method_{number}.v1" for number in range(10)] + ["中文方法一号.v1", "x.v1"]
    frame = Box(40, 10, 850, 390)
    labels = [label.box for label in place_labels(names, anchors, obstacles=dots, frame=frame)]
    for number, box in enumerate(labels):
        assert box.outside(frame) == 0
        assert all(box.overlap(other) == 0 for other in [*labels[:number], *dots])


def test_the_frontier_is_what_nothing_beats():
    cheap, good, beaten = (
        Estimate(*each) for each in (("a", 0.9, 0, 1, 1.0), ("b", 0.95, 0, 1, 5.0), ("c", 0.89, 0, 1, 2.0))
    )
    assert frontier([good, beaten, cheap]) == [cheap, good]


def test_ticks_are_round():
    assert nice_ticks(88.2, 95.4, most=6) == [90, 92, 94]
    assert nice_ticks(0, 100, most=6) == [0, 20, 40, 60, 80, 100]
    assert nice_ticks(93.1, 94.2, most=4) == [93.5, 94]


def test_numbers_carry_units_and_no_more_digits_than_they_deserve():
    assert [milliseconds(value) for value in (0.0123, 0.306, 1.66, 138.2, 2140, None)] == [
        "0.012 ms",
        "0.31 ms",
        "1.7 ms",
        "140 ms",
        "2.1 s",
        "–",
    ]
    assert [seconds(value) for value in (0.42, 9.99, 59.7, 432, 3900, 7200)] == [
        "0.4 s",
        "10 s",
        "1 min",
        "7 min 12 s",
        "1 h 05 min",
        "2 h 00 min",
    ]
    assert [size(value) for value in (820, 410_200, 24_100_000, 999_600_000)] == [
        "820 B",
        "410 KB",
        "24 MB",
        "1.0 GB",
    ]
    assert [p_value(value) for value in (0.617, 0.0042, 0.00001)] == ["p = 0.62", "p = 0.004", "p < 0.001"]
    assert [signed_points(value) for value in (0.003, -0.012, -0.0001)] == ["+0.3", "−1.2", "0.0"]
    assert points(0.9409) == "94.1"
