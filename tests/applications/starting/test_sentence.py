import pytest

from metier.applications.starting.sentence import LONGEST, read_sentence
from metier.applications.starting.templates import templates
from metier.errors import CallError
from metier.tasks.task_table import known_task

READ = {
    "sort our tickets by urgency, English and Chinese": ("classification", "low normal high critical"),
    "sort messages into billing, delivery, and other": ("classification", "billing delivery other"),
    "classify complaints as urgent or not urgent": ("classification", "urgent|not urgent"),
    "extract company names and dates from contracts": ("ner", "company date"),
    "mark the names in letters": ("ner", "person"),
    "find duplicate questions": ("text_pair", "no yes"),
    "answer customers' questions from the manual": ("extractive_qa", ""),
    "tag articles with all topics that apply: politics, sport, money": ("multi_label", "politics sport money"),
    "relations between drugs and diseases: treats, causes": ("relation", "treats causes"),
    "search the right help article": ("retrieval", ""),
    "summarise our case notes": ("generation", ""),
    "transcribe our calls": ("transcription", ""),
    "predict a score for each essay": ("regression", ""),
    "把工单按紧急程度分类": ("classification", "低 中 高 紧急"),
    "把新闻分为体育、财经和科技": ("classification", "体育 财经 科技"),
    "识别病历中的药物和疾病": ("ner", "药物 疾病"),
    "监测股票舆情": ("classification", "利空 中性 利好"),
    "翻译我们的标题": ("generation", ""),
    "sort translations by urgency": ("classification", "low normal high critical"),
    "把翻译请求按紧急程度分类": ("classification", "低 中 高 紧急"),
    "把论文标题分为工学、医学和农学": ("classification", "工学 医学 农学"),
    "translate complaints": ("generation", ""),
}


@pytest.mark.parametrize("sentence", READ)
def test_a_sentence_is_read_as_a_task_with_labels(sentence):
    found = read_sentence(sentence)
    task, labels = READ[sentence]
    assert found.task.name == task
    assert [one.named(found.spoken) for one in found.labels] == (
        labels.split("|") if "|" in labels else labels.split()
    )


def test_languages_are_those_that_are_named_else_that_of_the_sentence():
    assert read_sentence("sort our tickets by urgency, English and Chinese").languages == ("en", "zh")
    assert read_sentence("sort our tickets by urgency").languages == ("en",)
    assert read_sentence("把中文和英文工单按紧急程度分类").languages == ("en", "zh")


def test_an_order_is_kept_where_labels_have_one():
    assert read_sentence("sort tickets by urgency").is_ordered
    assert not read_sentence("sort reviews by sentiment").is_ordered


def test_a_named_label_takes_the_sentences_of_a_known_one_of_the_set_that_is_asked_for():
    stock = read_sentence("sort stock news by sentiment into positive and negative").labels[0]
    review = read_sentence("sort reviews as positive or negative").labels[0]
    assert any("Shares" in one for one in stock.en)
    assert not any("Shares" in one for one in review.en)
    assert review.en != ("positive",)


@pytest.mark.parametrize(
    ("sentence", "said"),
    [
        ("   ", "empty"),
        ("judge", "says nothing that is known of a task"),
        ("sort reviews", "names no labels"),
        ("extract what matters, entities", "does not say what is to be found"),
        ("find relations", "names no relations"),
        ("x" * (LONGEST + 1), "characters"),
        ("sort into " + ", ".join(f"label {n}" for n in range(60)) + " and more", "61 labels"),
        ("sort into " + "a" * 70 + " and b", "a label of 70 characters"),
    ],
)
def test_what_cannot_be_read_is_refused_with_what_to_do(sentence, said):
    with pytest.raises(CallError, match=said):
        read_sentence(sentence)


def test_the_templates_know_tasks_of_the_table_and_both_languages():
    for task in templates().tasks:
        known_task(task.name)
    for one in templates().label_sets:
        names = [(label.name, label.zh_name) for label in one.labels]
        assert len({name for name, _ in names}) == len({name for _, name in names}) == len(names)
