import pytest
import yaml

from metier.bundles import write_card


@pytest.fixture
def card(bundle, facts_of):
    def write(**changes):
        write_card(bundle, facts_of(bundle, **changes))
        return (bundle / "README.md").read_text(encoding="utf-8")

    return write


def front_matter(text):
    _, matter, _ = text.split("---\n", 2)
    return yaml.safe_load(matter)


def test_front_matter_is_what_hugging_face_reads(card):
    matter = front_matter(card())
    assert matter["pipeline_tag"] == "text-classification"
    assert matter["language"] == ["en"]
    result = matter["model-index"][0]["results"][0]
    assert result["task"]["type"] == "text-classification"
    assert result["dataset"] == {"name": "train.csv", "type": "custom", "split": "test"}
    assert {metric["type"]: metric["value"] for metric in result["metrics"]} == {"accuracy": 0.94, "f1": 0.93}


def test_says_what_it_was_trained_on_how_good_it_is_and_what_it_costs(card):
    text = card()
    assert "120 train, 40 test, from `train.csv`" in text
    assert "| Accuracy | 95.0 % [91.0, 98.0] | 94.0 % [90.0, 97.0] |" in text
    assert "| Log-loss | – | 0.210 |" in text
    assert "0.081 ms for one text" in text
    assert "`age_limit`, `card_arrival`, `exchange_rate`" in text
    assert "In plain transformers" not in text


def test_without_test_rows_the_card_says_so(card):
    text = card(metrics={"validation": {"accuracy": 0.9}})
    assert "model-index" not in front_matter(text)
    assert "also used to choose" in text


def test_after_a_refit_the_card_says_which_figures_describe_which_model(card):
    data = {"fingerprint": "0", "origin": "rows", "rows": {"train": 9}, "trained_on": "train + validation"}
    assert "before its refit" in card(data=data)
    assert "before its refit" not in card()
    part = card(data=data | {"trained_on": "40 % of train"})
    assert "trained on 40 % of train." in part
    assert "before its refit" not in part


def test_encoders_come_with_the_lines_that_rebuild_them(bundle, card):
    for place in ("huggingface", "members/encoder.v1/huggingface"):
        folder = bundle / place
        folder.mkdir(parents=True)
        (folder / "head.safetensors").write_bytes(b"\x02\0\0\0\0\0\0\0{}")
        (folder / "README.md").write_text('Lines:\n```python\nfolder = Path("huggingface")\n```\nend')
    text = card(base={"name": "minilm", "sha256": "53aa"}, adaptation="full")
    assert '```python\nfolder = Path("huggingface")\n```' in text
    assert 'folder = Path("members/encoder.v1/huggingface")' in text
    assert "rebuild the member `encoder.v1`" in text
    assert front_matter(text)["base_model"] == "minilm"


def test_a_card_of_chinese_labels_stays_readable(bundle, facts_of):
    from metier.predictors.loading import read_settings, write_settings

    write_settings(bundle, read_settings(bundle) | {"labels": ["医学", "工学", "哲学"]})
    write_card(bundle, facts_of(bundle))
    assert "`医学`, `工学`, `哲学`" in (bundle / "README.md").read_text(encoding="utf-8")


CORRELATED = {
    "mae": 0.5,
    "spearman": 0.712,
    "pearson": 0.7,
    "quadratic_kappa": 0.712,
    "calibration_error": 0.05,
}


def test_what_is_no_share_of_one_is_no_percentage(card):
    text = card(metrics={"test": CORRELATED})
    assert "| Weighted kappa | 0.712 |" in text
    assert "| Spearman | 0.712 |" in text
    assert "| Pearson | 0.700 |" in text
    assert "| MAE | 0.500 |" in text
    assert "| Calibration error | 5.0 % |" in text


TASKS_ON_CARDS = [
    ({"name": "text_pair", "input_keys": ["text", "text_pair"]}, "Gives one of 2 labels to a pair of texts."),
    ({"name": "ner"}, "Marks the parts of a text that are one of 2 types."),
    ({"name": "answering", "input_keys": ["question", "passage"]}, "Finds the words of a passage"),
    ({"name": "regression", "input_keys": ["text", "text_pair"]}, "Gives a number to a pair of texts"),
    ({"name": "generation", "input_keys": ["messages"]}, "Generates a text for a conversation."),
    ({"name": "urgency", "answer": "grade"}, "Gives one of 2 ordinal labels to a text."),
]


@pytest.mark.parametrize(("task", "says"), TASKS_ON_CARDS)
def test_the_card_of_every_task_is_put_together_from_its_kinds(card, task, says):
    text = card(task=task | {"labels": ["a", "b"]})
    assert says in text
    assert ("always predicts one of its 2 labels" in text) == says.startswith("Gives one")
    lines = text.split("```python\n")[1].split("```")[0]
    compile(lines, "card", "exec")
