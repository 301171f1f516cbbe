import csv
import json

import numpy as np
import pytest
import yaml

from metier import read
from metier.applications.starting.proposal import proposal_of
from metier.applications.starting.sentence import read_sentence
from metier.applications.starting.writing import write_proposal
from metier.bundles import load_bundle
from metier.selection.settings import load_settings

REVIEWS = {
    "positive": ["I love it, works great", "excellent quality, highly recommended", "wonderful, very happy"],
    "negative": ["terrible, a waste of money", "it broke and the service was rude", "very disappointed, awful"],
    "zh": ["非常好用，很喜欢", "质量太差，非常失望"],
}


@pytest.fixture
def reviews(tmp_path):
    file = tmp_path / "reviews.csv"
    with file.open("w", encoding="utf-8", newline="") as out:
        table = csv.writer(out)
        table.writerow(["number", "said"])
        table.writerows(enumerate([*REVIEWS["positive"], *REVIEWS["negative"], *REVIEWS["zh"]]))
    return file


def test_the_settings_are_settings_of_training(tmp_path):
    for sentence in (
        "sort tickets by urgency",
        "extract drugs from notes",
        "summarise notes",
        "找出重复的问题",
    ):
        folder = tmp_path / sentence.replace(" ", "-")
        proposal = proposal_of(read_sentence(sentence))
        write_proposal(proposal, folder)
        found = load_settings(folder / "settings.yaml")
        assert found.task == proposal.trained_task
        assert found.data.train == str(folder / "labelled.csv")
        assert (found.order or ()) == (
            tuple(one.name for one in proposal.labels) if proposal.is_ordered else ()
        )


def test_the_guide_is_in_the_language_of_the_sentence(tmp_path):
    write_proposal(proposal_of(read_sentence("把工单按紧急程度分类")), tmp_path / "zh")
    text = (tmp_path / "zh" / "guide.md").read_text(encoding="utf-8")
    assert "标注指南" in text
    assert "`紧急`" in text
    assert "Rules" not in text


def test_a_first_model_answers_both_languages_by_descriptions(tmp_path, reviews):
    proposal = proposal_of(read_sentence("sort reviews as positive or negative, English and Chinese"))
    rows = read(reviews, text="said")
    written = write_proposal(proposal, tmp_path / "task", rows=rows)
    bundle = load_bundle(tmp_path / "task" / "first-model")
    texts = list(rows.texts)
    answers = bundle.predict(texts)
    labels = [answers.labels[place] for place in answers.best]
    right = np.array(labels) == np.array(["positive"] * 3 + ["negative"] * 3 + ["positive", "negative"])
    assert right.sum() >= 7
    assert written.model.labels == labels
    assert bundle.manifest.data.rows == {"train": 0}
    assert bundle.manifest.metrics == {}
    found = yaml.safe_load((tmp_path / "task" / "settings.yaml").read_text(encoding="utf-8"))
    assert found["data"]["text"] == "said"
    with (tmp_path / "task" / "first-answers.csv").open(encoding="utf-8", newline="") as file:
        table = list(csv.DictReader(file))
    assert [row["label"] for row in table] == labels
    assert json.loads((tmp_path / "task" / "descriptions.json").read_text()) == proposal.descriptions


def test_other_tasks_get_no_first_model(tmp_path, reviews):
    proposal = proposal_of(read_sentence("extract product names from reviews"))
    written = write_proposal(proposal, tmp_path / "task", rows=read(reviews, text="said"))
    assert written.model is None
    assert written.files == ("descriptions.json", "guide.md", "settings.yaml")


def test_nothing_is_left_where_the_base_is_not_there(tmp_path, reviews):
    proposal = proposal_of(read_sentence("sort reviews by sentiment"))
    with pytest.raises(Exception, match="nowhere"):
        write_proposal(proposal, tmp_path / "task", rows=read(reviews, text="said"), base="nowhere")
    assert [one.name for one in tmp_path.iterdir()] == ["reviews.csv"]
