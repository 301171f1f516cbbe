"""Bundles that say what is out of scope: from rows to answers, in English and Chinese, and what bad input gets."""

import json
import shutil
import time

import numpy as np
import pytest
from starlette.testclient import TestClient

from metier.bundles import load_bundle
from metier.cli import program
from metier.errors import BundleError, CallError, DataError
from metier.evaluation.scope_measures import auroc
from metier.predictors.evidence import Evidence
from metier.selection.api import train
from metier.selection.execution.scope_fitting import Known, cut_for, rule_of
from metier.serving import build_app

WORDS = {
    "card": "my card {} was lost at the bank", "loan": "what does a loan of {} cost a month",
    "transfer": "transfer {} to my savings account", "pin": "change the pin of card {}",
    "余额": "我的账户{}余额是多少", "挂失": "银行卡{}丢了怎么挂失", "转账": "给客户{}转账要多久",
    "贷款": "申请{}元贷款需要什么材料", "汇率": "今天{}号美元汇率多少", "密码": "忘记{}号卡密码怎么办",
}  # fmt: skip
OTHERS = [
    "how tall is the tower {} in paris",
    "recipe {} for noodle soup please",
    "今天北京{}区天气怎么样",
    "推荐{}部好看的电影",
]


def rows(n):
    return [{"text": text.format(i), "label": label} for label, text in WORDS.items() for i in range(n)]


def outside(n):
    return [{"text": text.format(i), "label": "oos"} for text in OTHERS for i in range(n)]


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("run") / "run"
    return train(
        rows(20) + outside(6), candidates=["tfidf_linear"], budget="2m", run=folder, out_of_scope_label="oos",
        threads=1, in_scope_kept=0.9,
    )  # fmt: skip


def test_answers_say_what_no_label_fits(run):
    asked = [
        "transfer 7 to my savings account",
        "银行卡7丢了怎么挂失",
        "推荐9部好看的电影",
        "how tall is the tower 9 in paris",
    ]
    answers = run.best.predict(asked)
    assert answers.out_of_scope.tolist() == [False, False, True, True]
    record = answers.rows([2]).record(0)
    assert record["out_of_scope"] is True
    assert record["scope_score"] > run.report["out_of_scope"]["tfidf_linear.v1"]["cut"]
    assert "oos" not in run.best.labels


def test_the_report_measures_the_rule_on_test_rows_in_both_languages(run):
    facts = run.report["out_of_scope"]["tfidf_linear.v1"]
    assert facts["criterion"] == "given_rows"
    assert facts["auroc_of_test"]["value"] > 0.9
    assert any("says what is out of scope by" in note for note in run.report["data"]["notes"])
    assert program.run(["report", str(run.folder), "--lang", "zh"]) == 0
    assert "判断范围外" in (run.folder / "report.zh.html").read_text("utf-8")


def test_a_file_is_answered_with_its_columns_and_a_text_with_a_mark(run, tmp_path, capsys):
    source, output = tmp_path / "asked.csv", tmp_path / "answered.jsonl"
    source.write_text("text\n推荐9部好看的电影\nchange the pin of card 4\n", encoding="utf-8")
    assert program.run(["predict", str(run.folder), "--input", str(source), "--output", str(output)]) == 0
    assert [json.loads(line)["out_of_scope"] for line in output.read_text("utf-8").splitlines()] == [
        True,
        False,
    ]
    capsys.readouterr()
    program.run(["predict", str(run.folder), "推荐9部好看的电影"])
    assert "out of scope" in capsys.readouterr().out
    program.run(["predict", str(run.folder), "推荐9部好看的电影", "--lang", "zh"])
    assert "范围外" in capsys.readouterr().out


def test_the_service_says_it_of_one_and_of_several(run):
    with TestClient(build_app(lambda: run.best)) as client:
        while client.get("/readyz").status_code != 200:
            time.sleep(0.01)
        one = client.post("/v1/predict", json={"text": "推荐9部好看的电影"}).json()
        assert one["out_of_scope"] is True
        asked = {"texts": ["transfer 7 to my savings account", "how tall is the tower 9 in paris"]}
        answers = client.post("/v1/predict", json=asked).json()["answers"]
        assert [answer["out_of_scope"] for answer in answers] == [False, True]
        assert answers[1]["scope_score"] > answers[0]["scope_score"]


def test_without_such_a_label_the_call_is_refused():
    with pytest.raises(CallError, match="no row has this label"):
        train(rows(8) + outside(3), out_of_scope_label="ooss", candidates=["tfidf_linear"])
    with pytest.raises(DataError, match="Every training row"):
        train(outside(8), out_of_scope_label="oos", candidates=["tfidf_linear"])


def test_a_broken_rule_is_an_error_of_the_bundle(run, tmp_path):
    found = run.folder / "candidates" / "tfidf_linear.v1"
    stated = json.loads((found / "scope.json").read_text("utf-8"))
    broken = ["{", json.dumps(stated | {"version": 9}), json.dumps(stated | {"cut": "x"}), json.dumps([])]
    for number, text in enumerate([*broken, json.dumps(stated | {"lender": "0" * 64})]):
        folder = tmp_path / str(number)
        shutil.copytree(found, folder)
        (folder / "scope.json").write_text(text)
        with pytest.raises(BundleError, match="not as it was sealed"):
            load_bundle(folder)
        with pytest.raises(BundleError, match=r"does not hold a complete rule|a rule .* of version 9"):
            load_bundle(folder, verify=False)


def known(random, n, labels=12, size=16):
    truth = random.integers(labels, size=n)
    vectors = np.eye(labels, size)[truth] * 3 + random.normal(size=(n, size)) * 0.4
    return Known(Evidence(random.dirichlet(np.ones(labels), size=n), vectors[:, :labels], vectors), truth)


def test_the_cut_keeps_its_share_and_the_score_stays_when_it_is_fitted_again():
    random = np.random.default_rng(0)
    learned, held_out, new = (known(random, n) for n in (400, 300, 4_000))
    rule = rule_of(learned, held_out, kept=0.9)
    assert (rule.kind, rule.facts["criterion"]) == ("combined", "default")
    assert np.mean(rule.scores(new.evidence) <= rule.cut) == pytest.approx(0.9, abs=0.06)
    far = random.normal(size=(50, 16))
    assert (
        auroc(
            rule.scores(new.evidence), rule.scores(Evidence(new.evidence.probabilities[:50], far[:, :12], far))
        )
        > 0.95
    )


def test_given_rows_choose_the_score():
    random = np.random.default_rng(1)
    learned, held_out = known(random, 400), known(random, 300)
    # Their logits are like those of rows in scope, and only their vectors are far away.
    vectors = held_out.evidence.vectors[:60] + np.eye(16)[15] * 6
    outside = Evidence(held_out.evidence.probabilities[:60], held_out.evidence.logits[:60], vectors)
    rule = rule_of(learned, held_out, outside)
    assert rule.facts["criterion"] == "given_rows"
    assert rule.facts["auroc"]["energy"] == pytest.approx(0.5, abs=0.1)
    assert rule.facts["auroc"][rule.kind] > 0.99


def test_a_cut_needs_rows_enough():
    assert cut_for(np.arange(19.0), 0.95) == 18
    with pytest.raises(DataError, match="needs at least 19 validation rows, and there are 18"):
        cut_for(np.arange(18.0), 0.95)
