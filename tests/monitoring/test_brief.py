"""The morning brief: what moved, what people said, and what is said of a night in which nothing did."""

import json
import re
import threading
from datetime import UTC, datetime, timedelta
from random import Random

import pytest

from metier.cli.program import run
from metier.monitoring.brief import brief
from metier.monitoring.judges.surges import build
from metier.monitoring.store.watch_store import WatchStore
from metier.report.brief_page import render_brief
from tests.watched import ListSource, WordAnswerer, message, settings, watch

DAYS = 112
START = datetime(2026, 3, 2, tzinfo=UTC)
NOW = START + timedelta(days=DAYS, hours=6)
BAD = "<script>alert(1)</script> parcel late again, write to bob@example.com"


def archive(*, surges):
    """Six messages a day of each company; the last two days of one bring three times as many, all of delays."""
    random, number = Random(3), 0
    for day in range(DAYS):
        for company in ("Acme", "Globex"):
            is_surge = surges and company == "Acme" and day >= DAYS - 2
            for place in range(18 if is_surge else 6):
                number += 1
                words = " ".join(f"{random.getrandbits(40):x}" for _ in range(8))
                text = f"{BAD} {words}" if is_surge else f"late {words}" if place == 0 else words
                at = START + timedelta(days=day, seconds=place * 3_000)
                yield message(number, at=at, text=text, by={"company": company})


def watched(folder, messages, **given):
    own = settings(folder, by=["company", ["company", "topic"]], **given)
    store = WatchStore(own.store)
    watch(
        store, [ListSource(messages, batch=500)], own, answerer=WordAnswerer(), judges={"surges": build(own)}
    ).run_once(threading.Event())
    return store, own


@pytest.fixture(scope="module")
def busy(tmp_path_factory):
    store, own = watched(tmp_path_factory.mktemp("busy"), list(archive(surges=True)))
    yield store, own
    store.close()


def page_of(facts, language="en"):
    page = render_brief(facts, language=language)
    assert not re.search(r"<script|<link|@import|(?:src|href)=", page)
    assert not re.search(r"\son\w+=", page)
    return page


def test_a_surge_is_told_with_its_size_its_quotes_and_its_chart(busy):
    store, own = busy
    facts = brief(store, own, now=NOW, since=START + timedelta(days=DAYS - 2))
    found = {tuple(one["series"].items()): one for one in facts["found"]}
    acme = found[(("company", "Acme"),)]
    assert (acme["state"], acme["kind"]) == ("new", "surge")
    assert acme["chart"]["counts"][-2:] == [18, 18]
    assert acme["chart"]["high"][-1] < 18
    assert acme["by_now"]["observed"] == 36
    assert acme["by_now"]["low"] < acme["by_now"]["times"] == pytest.approx(3, rel=0.2)
    assert "bob@example.com" not in json.dumps(facts)
    page = page_of(facts)
    assert "&lt;script&gt;alert(1)&lt;/script&gt; parcel late again" in page
    assert "alarm" in re.search(r"<h1>(.*)</h1>", page)[1]
    assert page.count("<blockquote>") >= 3


def test_series_and_shares_are_told_by_company_and_topic(busy):
    store, own = busy
    facts = brief(store, own, now=NOW, since=START + timedelta(days=DAYS - 7))
    by_company, by_topic = facts["series"]
    assert [row["series"]["company"] for row in by_company["rows"]] == ["Acme", "Globex"]
    assert by_company["rows"][0]["observed"] == 5 * 6 + 2 * 18
    assert by_company["rows"][1]["low"] < 1 < by_company["rows"][1]["high"]
    assert ("Acme", "delay") in [tuple(row["series"].values()) for row in by_topic["rows"]]
    (topic,) = facts["answers"]
    delay = next(one for one in topic["labels"] if one["label"] == "delay")
    assert delay["before"]["high"] < delay["now"]["low"]
    assert not topic["is_corrected"]
    assert topic["accuracy"] is None
    assert "no run has measured" in page_of(facts)


def test_a_quiet_night_says_so_and_what_would_have_been_missed(tmp_path):
    store, own = watched(tmp_path, list(archive(surges=False)))
    facts = brief(store, own, now=NOW)
    store.close()
    assert facts["found"] == []
    assert facts["volume"]["low"] < 1 < facts["volume"]["high"]
    assert facts["missed"][0]["series"] == {}
    assert all(one["times"] is None or one["times"] > 1 for one in facts["missed"])
    page = page_of(facts)
    assert "<h1>A quiet night</h1>" in page
    assert "What would have been missed" in page
    assert "一夜平静" in page_of(facts, "zh")


@pytest.mark.parametrize(
    ("messages", "title", "lead"),
    [
        ([], "No messages yet", "The store is empty"),
        ([message(1, at=datetime.now(UTC))], "No period is judged yet", "There are 1 message;"),
        ([message(n) for n in range(60)], "A quiet night", "Nothing moved since"),
    ],
)
def test_a_store_with_little_in_it_is_said_in_sentences(tmp_path, messages, title, lead):
    store, own = watched(tmp_path, messages)
    facts = brief(store, own, now=NOW)
    store.close()
    page = page_of(facts)
    assert f"<h1>{title}</h1>" in page
    assert lead in page
    page_of(facts, "zh")
    if len(messages) > 1:
        assert "too short" in page


def test_the_chinese_page_has_no_english_sentence_of_ours(busy):
    store, own = busy
    page = page_of(brief(store, own, now=NOW, since=START + timedelta(days=DAYS - 7)), "zh")
    body = re.sub(r"<blockquote>.*?</blockquote>", "", page[page.index("<body>") :])
    left = re.findall(r">[^<]*\b(?:the|of|is|are|were|since|messages|found)\b[^<]*<", body)
    assert left == []
    assert 'lang="zh-CN"' in page


@pytest.fixture
def written(busy, tmp_path):
    path = tmp_path / "watch.yaml"
    path.write_text(json.dumps({"store": busy[1].store, "sources": [{"kind": "file", "path": "none.jsonl"}]}))
    return path


def test_the_command_writes_the_page_and_its_facts(written, tmp_path, capsys):
    page = tmp_path / "brief.html"
    assert run(["watch", "brief", str(written), "--output", str(page), "--since", "2026-06-20"]) == 0
    assert "! company Acme" in capsys.readouterr().out
    facts = json.loads(page.with_suffix(".json").read_text(encoding="utf-8"))
    assert facts["format"] == "metier.brief.v1"
    assert facts["since"].startswith("2026-06-20T00:00:00+00:00")
    before = page.read_text(encoding="utf-8")
    assert run(["watch", "brief", str(written), "--output", str(page)]) == 2
    assert "--overwrite" in capsys.readouterr().err
    assert page.read_text(encoding="utf-8") == before
    assert run(["watch", "brief", str(written), "--output", str(page), "--overwrite", "--lang", "zh"]) == 0
    assert "晨报" in page.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("words", "said"),
    [(["--since", "yesterday"], "expected a day or a time"), (["--output", "x.json"], "is the page")],
)
def test_a_wrong_call_writes_nothing(written, tmp_path, capsys, monkeypatch, words, said):
    monkeypatch.chdir(tmp_path)
    assert run(["watch", "brief", str(written), *words]) == 2
    assert said in capsys.readouterr().err
    assert not (tmp_path / "brief.html").exists()
