"""A watch of four months to look at: headlines of examples/ with dates and companies, and a surge of bad news at its end.

$ python scripts/brief_demo.py FOLDER
$ metier watch brief FOLDER/watch.yaml --output brief.html

Headlines are real (twitter_financial_news, MIT); their dates and companies are drawn by chance with a fixed seed.
"""

import argparse
import csv
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

import yaml

import metier
from metier.cli.program import run as command

ROWS = Path(__file__).resolve().parents[1] / "examples" / "twitter_financial_news"
DAYS, SURGE_DAYS = 130, 4
A_DAY = {"Acme": 9.0, "Globex": 7.0, "Initech": 4.0, "Umbrella": 2.5}
SURGING, TIMES = "Acme", 3.2
WEEKEND = 0.5  # As many messages as on other days.
COLUMNS = {"id": None, "time": "at", "by": {"company": "company"}}
LAST = datetime(2026, 11, 30, tzinfo=UTC)


def rows_of(split):
    """Give the texts and labels of a split."""
    with (ROWS / f"{split}.csv").open(encoding="utf-8", newline="") as file:
        return [(row["text"], row["label"]) for row in csv.DictReader(file)]


def messages(random):
    """Give dated messages; no text comes twice within weeks, and bad news is what surges."""
    rows = rows_of("test") + rows_of("train")
    random.shuffle(rows)
    bad = [row for row in rows if row[1] == "bearish"]
    others, place, worse = rows, 0, 0
    for day in range(DAYS):
        start = LAST - timedelta(days=DAYS - 1 - day)
        for company, rate in A_DAY.items():
            surges = company == SURGING and day >= DAYS - SURGE_DAYS
            level = rate * (WEEKEND if start.weekday() >= 5 else 1) * (TIMES if surges else 1)
            for _ in range(drawn(random, level)):
                if surges and random.random() < 0.8:
                    text, worse = bad[worse % len(bad)][0], worse + 1
                else:
                    text, place = others[place % len(others)][0], place + 1
                yield {
                    "at": (start + timedelta(seconds=random.randrange(86_400))).isoformat(),
                    "company": company,
                    "text": " ".join(text.split()),
                }


def drawn(random, mean):
    """Draw a Poisson number: how many exponential gaps fit into the mean."""
    n, left = 0, mean - random.expovariate(1)
    while left > 0:
        n, left = n + 1, left - random.expovariate(1)
    return n


def main():
    """Write the messages, train the model of sentiment, and watch."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    folder.mkdir(parents=True, exist_ok=True)
    lines = sorted(messages(Random(7)), key=lambda one: one["at"])  # noqa: S311
    (folder / "messages.jsonl").write_text("".join(json.dumps(one) + "\n" for one in lines), encoding="utf-8")
    if not (folder / "sentiment").exists():
        metier.train(
            ROWS / "train.csv",
            test=ROWS / "test.csv",
            candidates=["tfidf_linear"],
            budget=20,
            run=folder / "sentiment",
        )
    settings = {
        "sources": [{"kind": "file", "path": "messages.jsonl", "columns": COLUMNS}],
        "bundles": {"sentiment": "sentiment"},
        "by": [["company"], ["company", "sentiment"]],
        "alerts": {"receivers": [{"kind": "file", "path": "alarms.jsonl"}], "group_by": ["company"]},
    }
    (folder / "watch.yaml").write_text(yaml.safe_dump(settings, sort_keys=False), encoding="utf-8")
    raise SystemExit(command(["watch", "run", str(folder / "watch.yaml"), "--once"]))


if __name__ == "__main__":
    main()
