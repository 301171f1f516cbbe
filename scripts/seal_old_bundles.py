"""One small sealed bundle of each kind of predictor, and what it answered: the data of `tests/bundles/test_old_bundles.py`.

    python scripts/seal_old_bundles.py

It runs at commit 71959d8 only: it writes down how bundles were sealed then, by the modules of then, so that later
releases can be held to them. It is kept to be read, not to be run again; `tests/bundles/sealed_71959d8` is never
written anew.

Each kind is fitted on a handful of rows, exported and sealed; each task is compared by `metier.train`, too, and one
candidate kept. Encoders and writers start from random weights, 16 and 32 wide, and learn their rows nearly by heart.
"""

import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import product
from pathlib import Path
from typing import Any

os.environ |= {"OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false"}

import numpy as np
import torch
from metier.tasks.known import load_task
from metier.transformer.generative_bases import save_language_model
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import BertConfig, BertModel, LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

import metier
from metier import catalogue
from metier.bundles import ManifestFacts, seal, write_card
from metier.fusion import CascadeCertificate, RetrieveReadFit, export_cascade, export_retrieve_read
from metier.fusion.label_average import export_label_average, fit_label_average
from metier.fusion.score_average import export_score_average, fit_score_average
from metier.predictors.loading import KINDS, load_predictor, read_settings

PROJECT = Path(__file__).parents[1]
SEALED = PROJECT / "tests" / "bundles" / "sealed_71959d8"
SERVER = PROJECT / "tests" / "endpoint_server.py"
BASE, WRITER = "tiny-encoder", "tiny-writer"  # Folders beside the runs, so that manifests name no other place.
DIGITS = 6  # Of a kept number.

PEOPLE = ("Anna", "Boris", "Clara", "David", "Elena", "Felix", "Greta", "Hugo")
FIRMS = ("Acme", "Bolt", "Corin", "Delta", "Evora", "Fabrik", "Galan")
CITIES = ("Paris", "Rome", "Oslo", "Berlin", "Madrid")
VERBS = {"employs": "works for", "founded": "founded", "left": "left"}
TOPICS = {
    "lost_card": ("I lost my card", "my card is gone", "someone stole my card", "我的卡丢了"),
    "exchange_rate": ("what is the rate", "which rate do I get", "is the rate good", "汇率是多少"),
    "change_pin": ("I want a new pin", "how do I change my pin", "my pin is old", "怎么改密码"),
}
OPENINGS = ("", "hello, ", "please: ", "today ", "one more thing, ")
GRADES = {"poor": ("bad", "awful"), "fair": ("fair", "plain"), "fine": ("good", "great")}
PARTS = {"food": "the food", "price": "the price", "staff": "the staff"}
CHINESE = {"Anna": "安娜", "Boris": "鲍里斯", "Clara": "克拉拉", "David": "大卫", "Elena": "叶莲娜"}
ODD = "😀 Zoë 我的卡\u3000is\tgone…"


def classification() -> list[dict[str, Any]]:
    """Texts and the label of each."""
    return [
        {"text": opening + phrase, "label": label}
        for opening, (label, phrases) in product(OPENINGS, TOPICS.items())
        for phrase in phrases
    ]


def many_labels() -> list[dict[str, Any]]:
    """Texts and the labels of each, none among them."""
    rows = []
    for number, words in enumerate(product(("bad", "good"), ("ok", "odd"), CITIES, ("one", "two"))):
        chosen = [label for bit, label in enumerate(PARTS) if (number % 8) >> bit & 1]
        said = " and ".join(PARTS[label] for label in chosen) or "nothing"
        rows.append({"text": f"{words[1]}, {words[0]} in {words[2]}: {said} {words[3]}", "labels": chosen})
    return rows


def grading() -> list[dict[str, Any]]:
    """Texts and the grade of each."""
    return [
        {"text": f"{opening}the {what} in {city} was {word}", "label": grade}
        for grade, words in GRADES.items()
        for word, opening, city, what in product(words, OPENINGS[:2], CITIES[:3], ("food", "staff"))
    ]


def scoring() -> list[dict[str, Any]]:
    """Texts and the score of each."""
    worth = {"awful": 1, "bad": 2, "plain": 3, "fair": 3, "good": 4, "great": 5}
    return [
        {"text": row["text"], "score": worth[row["text"].split()[-1]] + (number % 3) / 10}
        for number, row in enumerate(grading())
    ]


def pair_scoring() -> list[dict[str, Any]]:
    """Pairs of texts and how alike they are."""
    return [
        {
            "text": row["text"],
            "text_pair": row["text_pair"],
            "score": 4.0 * (row["label"] == "same") + n % 3 / 10,
        }
        for n, row in enumerate(matching())
    ]


def matching() -> list[dict[str, Any]]:
    """Pairs of texts, and whether both ask the same."""
    phrases = [(label, phrase) for label, phrases in TOPICS.items() for phrase in phrases[:3]]
    return [
        {"text": a, "text_pair": b, "label": "same" if label == other else "different"}
        for (label, a), (other, b) in product(phrases, phrases)
        if a != b
    ]


def sentences() -> Iterator[tuple[str, str, str, str]]:
    """Who did what with which firm, and where."""
    for number in range(48):
        verb = list(VERBS)[number % 3]
        yield PEOPLE[number % 8], verb, FIRMS[number * 3 % 7], CITIES[number * 2 % 5]


def long_text() -> str:
    """More than an encoder of 64 positions reads at once, no sentence twice."""
    said = [
        f"On day {n} {p} {VERBS[verb]} {firm} in {city}." for n, (p, verb, firm, city) in enumerate(sentences())
    ]
    return "The committee met on Tuesday. " + " ".join(said[3:15])


def tagging() -> list[dict[str, Any]]:
    """Texts, and the people, firms and cities in them."""
    rows = []
    for person, verb, firm, city in sentences():
        text = f"{person} {VERBS[verb]} {firm} in {city}."
        names = ((person, "person"), (firm, "firm"), (city, "city"))
        rows.append({"text": text, "spans": [[*place_of(name, text), label] for name, label in names]})
    return rows


def relation() -> list[dict[str, Any]]:
    """Texts with a person and a firm, and what they have to do with one another."""
    rows = []
    for person, verb, firm, city in sentences():
        text = f"{person} {VERBS[verb]} {firm} in {city}."
        rows.append({"text": text, "head": place_of(person, text), "tail": place_of(firm, text), "label": verb})
    return rows


def answering() -> list[dict[str, Any]]:
    """Questions on passages, and where the answer stands; some have none."""
    rows = []
    for number, (person, verb, firm, city) in enumerate(sentences()):
        passage = f"It was a long day. {person} {VERBS[verb]} {firm} in {city}. The rest is known."
        asked, answer = ((f"Who {VERBS[verb]} {firm}?", person), (f"Where is {firm}?", city))[number % 2]
        answers = [{"text": answer, "start": passage.index(answer)}]
        if number % 6 == 5:
            asked, answers = f"When did {person} sleep?", []
        rows.append({"question": asked, "passage": passage, "answers": answers})
    return rows


def generation() -> list[dict[str, Any]]:
    """Texts of some sentences, and a summary of each."""
    rows = []
    for person, verb, firm, city in sentences():
        said = f"{person} {VERBS[verb]} {firm}."
        text = (
            f"It was a long day in {city}. {said} Many people saw it. The weather was fair and the food good."
        )
        rows.append({"text": text, "target": said})
    return rows


def replies() -> list[dict[str, Any]]:
    """Conversations, and the reply to each."""
    answers = {"lost_card": "We block it.", "exchange_rate": "It is fair.", "change_pin": "Use the app."}
    return [
        {"messages": [{"role": "user", "content": row["text"]}], "target": answers[row["label"]]}
        for row in classification()
    ]


def translation() -> list[dict[str, Any]]:
    """English sentences in Chinese."""
    verbs, things = {"likes": "喜欢", "has": "有"}, {"tea": "茶", "rice": "米饭", "books": "书"}
    return [
        {"text": f"{name} {verb} {thing}.", "target": CHINESE[name] + verbs[verb] + things[thing] + "。"}
        for name, verb, thing in product(CHINESE, verbs, things)
    ]


def place_of(name: str, text: str) -> list[int]:
    """Where a name stands in a text: [start, end]."""
    start = text.index(name)
    return [start, start + len(name)]


ROWS: dict[str, Callable[[], list[dict[str, Any]]]] = {
    "classification": classification,
    "many_labels": many_labels,
    "grading": grading,
    "scoring": scoring,
    "pair_scoring": pair_scoring,
    "tagging": tagging,
    "relation": relation,
    "answering": answering,
    "matching": matching,
    "retrieval": classification,
    "generation": generation,
    "replies": replies,
    "translation": translation,
}
TASK_OF = {"pair_scoring": "scoring", "replies": "generation", "translation": "generation"}
ORDER = tuple(GRADES)


class Field:
    """Rows of a task in three parts, as methods take them."""

    def __init__(self, name: str):
        self.name = TASK_OF.get(name, name)
        rows = ROWS[name]()
        random.Random(0).shuffle(rows)  # noqa: S311  # Nothing secret.
        self.parts = rows[:-24], rows[-24:-12], rows[-12:]
        read = metier.read(rows)
        stated = {"order": ORDER} if self.name == "grading" else {}
        self.task = load_task(self.name).from_rows(read, **stated)
        self.items, self.targets = list(self.task.items(read)), list(self.task.targets(read))

    @property
    def known(self) -> tuple[list[Any], list[Any]]:
        """Items and targets to learn from."""
        return self.items[:-24], self.targets[:-24]

    @property
    def validation(self) -> tuple[list[Any], list[Any]]:
        """Items and targets to choose on."""
        return self.items[-24:-12], self.targets[-24:-12]

    @property
    def questions(self) -> list[Any]:
        """What a bundle is asked: four items outside the training rows, a text with odd characters and a long one."""
        asked = self.items[-4:]
        return [*asked, *(with_text(asked[0], text) for text in (ODD, long_text()))]


def with_text(item: Any, text: str) -> Any:
    """Put another text into an item."""
    if isinstance(item, str):
        return text
    if "messages" in item:
        return {"messages": [{"role": "user", "content": text}]}
    if "head" in item:
        return {
            "text": f"{text} Anna left Acme",
            "head": [len(text) + 1, len(text) + 5],
            "tail": [len(text) + 11, len(text) + 15],
        }
    return {**item, "passage" if "passage" in item else "text": text}


def all_texts() -> list[str]:
    """Every text of every task, for a vocabulary."""
    found = []
    for rows in ROWS.values():
        for row in rows():
            found += [value for value in row.values() if isinstance(value, str)]
    return sorted(set(found))


def make_base(folder: Path) -> None:
    """Write an encoder of random weights, with the words of the rows."""
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))  # noqa: S106  # A token, no secret.
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    trainer = trainers.WordPieceTrainer(vocab_size=280, special_tokens=special, show_progress=False)
    tokenizer.train_from_iterator(all_texts(), trainer)
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[("[CLS]", 2), ("[SEP]", 3)],
    )
    config = BertConfig(
        vocab_size=tokenizer.get_vocab_size(),
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=32,
        max_position_embeddings=64,
        initializer_range=0.3,
    )
    torch.manual_seed(0)
    model = BertModel(config, add_pooling_layer=False)
    model.save_pretrained(folder)
    names = dict(zip(("pad_token", "unk_token", "cls_token", "sep_token", "mask_token"), special, strict=True))
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, model_max_length=64, **names).save_pretrained(folder)


def make_writer(folder: Path) -> None:
    """Write a causal model of random weights, with the pieces of the rows' words."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    special = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
    trainer = trainers.BpeTrainer(
        vocab_size=400, special_tokens=special, initial_alphabet=alphabet, show_progress=False
    )
    tokenizer.train_from_iterator(all_texts(), trainer)
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token=special[0], bos_token=special[1], eos_token=special[2]
    )
    config = LlamaConfig(
        vocab_size=len(fast),
        hidden_size=32,
        intermediate_size=48,
        num_hidden_layers=1,
        num_attention_heads=2,
        num_key_value_heads=1,
        max_position_embeddings=256,
        pad_token_id=0,
        bos_token_id=1,
        eos_token_id=2,
        tie_word_embeddings=True,
    )
    torch.manual_seed(0)
    save_language_model(LlamaForCausalLM(config), fast, folder)


TUNED = {"base": BASE, "epochs": 40, "learning_rate": 5e-3, "precision": "fp32"}
WRITES = {
    "base": WRITER,
    "epochs": 20,
    "learning_rate": 1e-2,
    "adaptation": "full",
    "precision": "fp32",
    "kind": "summary",
    "max_new_tokens": 16,
}
# Fitted by one method: kind, or another name where a kind has two ways; rows, method and its arguments.
FITTED: dict[str, tuple[str, str, dict[str, Any]]] = {
    "constant.v1": ("classification", "majority.v1", {}),
    "linear.v1": ("classification", "tfidf_linear.v1", {}),
    "static.v1": ("classification", "static.v1", {"base": BASE}),
    "onnx_encoder.v1": ("classification", "encoder.v1", TUNED),
    "torch_prompted.v1": ("classification", "prompted.v1", {"base": WRITER, "temperature": 0.3}),
    "pair_linear.v1": ("matching", "pair_linear.v1", {}),
    "onnx_bi_encoder.v1": ("matching", "bi_encoder.v1", TUNED),
    "onnx_pair_encoder.v1": ("matching", "cross_encoder.v1", TUNED),
    "relation_linear.v1": ("relation", "relation_linear.v1", {}),
    "relation_syntax": ("relation", "relation_syntax.v1", {}),
    "onnx_relation.v1": ("relation", "relation_encoder.v1", TUNED),
    "dictionary_tagger.v1": ("tagging", "dictionary_tagger.v1", {}),
    "crf.v1": ("tagging", "crf.v1", {}),
    "crf_syntax": ("tagging", "crf_syntax.v1", {}),
    "onnx_tagger.v1": ("tagging", "token_encoder.v1", TUNED),
    "lead.v1": ("generation", "lead.v1", {}),
    "textrank.v1": ("generation", "textrank.v1", {}),
    "onnx_sentences.v1": ("generation", "sentence_ranker.v1", {"base": BASE, "precision": "fp32"}),
    "nearest_reply.v1": ("replies", "nearest_reply.v1", {}),
    "dictionary_translation.v1": ("translation", "dictionary_translation.v1", {}),
    "onnx_generation.v1": ("generation", "generator.v1", WRITES),
    "torch_generation.v1": ("generation", "generator.v1", {**WRITES, "beams": 2}),
    "passage_phrase.v1": ("answering", "passage_phrase.v1", {}),
    "onnx_reader.v1": ("answering", "reader.v1", {**TUNED, "window_length": 48}),
    "constant_labels.v1": ("many_labels", "label_frequencies.v1", {}),
    "many_labels_linear.v1": ("many_labels", "many_labels_linear.v1", {}),
    "onnx_many_labels.v1": ("many_labels", "many_labels_encoder.v1", TUNED),
    "score_linear.v1": ("scoring", "ridge.v1", {}),
    "pair_score_linear.v1": ("pair_scoring", "ridge.v1", {}),
    "onnx_scorer.v1": ("scoring", "score_encoder.v1", TUNED),
    "ordinal_linear.v1": ("grading", "ordinal_logistic.v1", {"order": ORDER}),
    "onnx_grader.v1": ("grading", "corn_encoder.v1", {**TUNED, "order": ORDER}),
}


def fit(rows: str, method: str, settings: dict[str, Any], folder: Path) -> None:
    """Fit a method on rows and leave its export in a folder."""
    field = Field(rows)
    folder.mkdir(parents=True)
    catalogue.resolve(method)(**settings).fit(*field.known, validation=field.validation).export(folder)


def built(method: str, **settings: Any) -> Any:
    """Give an unfitted method by its name."""
    return catalogue.resolve(method)(**settings)


def tuned(method: str) -> Any:
    """Give an unfitted method that is fine-tuned."""
    return built(method, **TUNED)


def fit_average(folder: Path, made: Path) -> None:
    """Average words and an encoder."""
    members = [built("tfidf_linear.v1"), tuned("encoder.v1")]
    fit("classification", "average.v1", {"members": members}, folder)


def fit_cascade(folder: Path, made: Path) -> None:
    """Put words before their average with an encoder, with a threshold that lets both answer."""
    certificate = CascadeCertificate(
        threshold=0.9065,
        kept_fraction=0.5,
        cheap_accuracy=0.9,
        big_accuracy=0.9,
        cascade_accuracy=0.9,
        losses=0,
        wins=0,
        net_loss_upper_bound=0.005,
        margin=0.005,
        confidence=0.95,
        rows=600,
        out_of_fold_rows=0,
        tests=1,
        method="stated for a test",
        assumes="nothing was measured",
    )
    export_cascade(certificate, [made / "linear.v1", made / "average.v1"], folder, name="cascade.v1")


def fit_vote(folder: Path, made: Path) -> None:
    """Put a dictionary, a CRF and an encoder to the vote."""
    members = [built("dictionary_tagger.v1"), built("crf.v1"), tuned("token_encoder.v1")]
    fit("tagging", "vote.v1", {"members": members}, folder)


def fit_span_rules(folder: Path, made: Path) -> None:
    """Put phrases and a pattern over a CRF."""
    phrases = made / "phrases.csv"
    phrases.write_text("phrase,label\nThe committee,firm\nNew York,city\n", encoding="utf-8")
    settings = {"member": built("crf.v1"), "gazetteer": phrases, "patterns": [(r"on (\w+day)", "city")]}
    fit("tagging", "span_rules.v1", settings, folder)


def fit_retrieve_read(folder: Path, made: Path) -> None:
    """Let a reader read one window of a passage."""
    found = RetrieveReadFit(
        n_windows=1, rows=12, f1=0.5, f1_of_all=0.5, read_fraction=1.0, most_windows=1, tried={"1": 0.5}
    )
    export_retrieve_read(found, made / "onnx_reader.v1", folder, name="retrieve_read.v1")


def fit_labels(folder: Path, made: Path) -> None:
    """Average sets of labels, of words and of an encoder."""
    field, members = Field("many_labels"), [made / "many_labels_linear.v1", made / "onnx_many_labels.v1"]
    items, sets = field.validation
    labels = read_settings(members[0])["labels"]
    truth = [[label in chosen for label in labels] for chosen in sets]
    answers = [load_predictor(member).predict(items).probabilities for member in members]
    found = fit_label_average(answers, np.array(truth), labels=labels)
    export_label_average(found, members, folder, name="label_average.v1")


def fit_scores(folder: Path, made: Path) -> None:
    """Average scores, of words and of an encoder."""
    field, members = Field("scoring"), [made / "score_linear.v1", made / "onnx_scorer.v1"]
    items, truth = field.validation
    answers = [load_predictor(member).predict(items).predicted for member in members]
    found = fit_score_average(answers, truth, coverage=0.9)
    export_score_average(found, members, folder, name="score_average.v1")


def fit_search(folder: Path, made: Path) -> None:
    """Find by words and by vectors, and read all again: few texts, none nearly as good as the next."""
    texts = {phrase: label for label, phrases in TOPICS.items() for phrase in phrases}
    settings = {
        "retriever": made / "onnx_bi_encoder.v1",
        "reranker": made / "onnx_pair_encoder.v1",
        "match_label": "same",
        "candidates": len(texts),
        "top": 3,
    }
    built("retrieve_rerank.v1", **settings).fit(list(texts), list(texts.values())).export(folder)


def fit_endpoint(folder: Path, made: Path) -> None:
    """Ask the tests' server for labels; one of them it does not know."""
    descriptions = {"lost_card": "a card that is gone"}
    settings = {"model": "tiny", "backoff_seconds": 0.01, "right_fraction": 0.9, "descriptions": descriptions}
    fit("classification", "endpoint.v1", settings, folder)


# Made of what others left, which come first.
JOINED: dict[str, tuple[str, Callable[[Path, Path], None]]] = {
    "endpoint.v1": ("classification", fit_endpoint),
    "average.v1": ("classification", fit_average),
    "cascade.v1": ("classification", fit_cascade),
    "vote.v1": ("tagging", fit_vote),
    "span_rules.v1": ("tagging", fit_span_rules),
    "retrieve_read.v1": ("answering", fit_retrieve_read),
    "label_average.v1": ("many_labels", fit_labels),
    "score_average.v1": ("scoring", fit_scores),
    "retrieve_rerank.v1": ("retrieval", fit_search),
}
# What is compared for each task by `metier.train`, the one that is kept first.
RACED = {
    "classification": ("frozen_linear.v1", "tfidf_linear.v1"),
    "many_labels": ("frozen_many_labels.v1", "label_frequencies.v1"),
    "grading": ("tfidf_linear.v1", "majority.v1"),
    "scoring": ("frozen_ridge.v1", "ridge.v1"),
    "tagging": ("crf.v1", "dictionary_tagger.v1"),
    "relation": ("relation_linear.v1", "majority.v1"),
    "answering": ("passage_phrase.v1",),
    "matching": ("frozen_pair.v1", "pair_linear.v1"),
    "retrieval": ("frozen_search.v1", "bm25.v1"),
    "generation": ("sentence_ranker.v1", "lead.v1"),
}
# The penalty that is chosen on so few rows lets rounding grow past what is compared.
STATED = {"frozen_ridge.v1": {"penalty": 1.0}}


def make_kinds(made: Path) -> None:
    """Seal a bundle of each kind in a folder of that name."""
    for kind, (rows, method, settings) in FITTED.items():
        fit(rows, method, settings, made / kind)
    for kind, (_, joined) in JOINED.items():
        joined(made / kind, made)
    # Sealed last: what joins others leaves their cards and manifests behind, but needs neither.
    for name, rows in rows_by_name().items():
        seal_alone(made / name, rows=rows)


def rows_by_name() -> dict[str, str]:
    """Which rows each bundle that is not from a comparison answers."""
    return {name: each[0] for name, each in (FITTED | JOINED).items()}


def seal_alone(folder: Path, *, rows: str) -> None:
    """Write the card and the manifest of an export, with the facts of a comparison."""
    settings, field = read_settings(folder), Field(rows)
    task = field.task
    name = settings["name"]
    facts = {
        "name": name,
        "method": name,
        "task": {
            "name": field.name,
            "labels": settings.get("labels", []),
            "primary_metric": task.primary_metric,
            "input_keys": task.input_keys,
        },
        "predictor": {"kind": settings["kind"], "name": name},
        "data": {
            "fingerprint": "00" * 32,
            "origin": "train.jsonl",
            "rows": {"train": len(field.known[0]), "validation": len(field.validation[0])},
        },
        "seeds": {"random_state": 0},
        "packages": {"metier": metier.__version__},
    }
    checked = ManifestFacts.model_validate(facts)
    write_card(folder, checked)
    seal(folder, checked)


def seal_comparison(task: str, made: Path) -> None:
    """Train on the rows of a task the normal way, and keep the first candidate's bundle."""
    files = {}
    for part, rows in zip(("train", "validation", "test"), Field(task).parts, strict=True):
        files[part] = Path(f"{task}-{part}.jsonl")
        lines = [json.dumps(row, ensure_ascii=False) for row in rows]
        files[part].write_text("\n".join(lines) + "\n", encoding="utf-8")
    candidates = RACED[task]
    able = [name for name in candidates if "precision" in parameters(name)]
    arguments = {name: {"precision": "fp32", **STATED.get(name, {})} for name in able}
    settings = {"base": BASE, "threads": 1, "methods": arguments}
    settings |= {"order": ORDER} if task == "grading" else {}
    run = metier.train(
        files["train"],
        validation=files["validation"],
        test=files["test"],
        task=task,
        candidates=candidates,
        settings=settings,
        run=Path("runs") / task,
    )
    shutil.copytree(run.folder / "candidates" / candidates[0], made / f"trained_{task}")


def parameters(method: str) -> list[str]:
    """Name the arguments of a method."""
    names: list[str] = catalogue.resolve(method)._get_param_names()
    return names


def keep_answers(folder: Path, field: Field) -> None:
    """Ask a bundle and write the questions and everything answered beside it."""
    bundle = metier.load(folder)
    questions = field.questions
    answers = bundle.predict(questions)
    probabilities = getattr(answers, "probabilities", None)
    facts = {
        "kind": bundle.manifest.predictor.kind,
        "task": bundle.manifest.task.name,
        "name": bundle.name,
        "labels": list(bundle.labels),
        "input_keys": list(bundle.input_keys),
        "questions": questions,
        "predicted": list(answers.predicted),
        "answered_by": list(answers.answered_by),
        "records": [answers.record(row, len(bundle.labels) or None) for row in range(len(questions))],
        "probabilities": None if probabilities is None else probabilities.tolist(),
        "streamed": "".join(bundle.stream(questions[0])) if bundle.can_stream else None,
    }
    text = json.dumps(rounded(facts), ensure_ascii=False, indent=1)
    folder.with_name(f"{folder.name}.answers.json").write_text(text + "\n", encoding="utf-8")


def rounded(value: Any) -> Any:
    """Shorten the numbers of an answer to what is compared."""
    if isinstance(value, dict):
        return {key: rounded(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [rounded(each) for each in value]
    return round(float(value), DIGITS) if isinstance(value, float | np.floating) else value


@contextmanager
def endpoint() -> Iterator[None]:
    """Start the tests' server, and let it be the endpoint."""
    process = subprocess.Popen([sys.executable, str(SERVER)], stdout=subprocess.PIPE, text=True)  # noqa: S603
    try:
        assert process.stdout is not None
        os.environ["METIER_ENDPOINT_URL"] = f"http://127.0.0.1:{process.stdout.readline().strip()}/v1"
        os.environ["no_proxy"] = "127.0.0.1"
        yield
    finally:
        process.kill()
        process.wait()


def make_all(made: Path) -> None:
    """Seal every bundle in a folder and ask each."""
    make_base(Path(BASE))
    make_writer(Path(WRITER))
    made.mkdir()
    make_kinds(made)
    for task in RACED:
        seal_comparison(task, made)
    rows = rows_by_name() | {f"trained_{task}": task for task in RACED}
    for name, asked in rows.items():
        keep_answers(made / name, Field(asked))
    (made / "kinds.json").write_text(json.dumps(list(KINDS), indent=1) + "\n", encoding="utf-8")


def main() -> None:
    """Make them in a folder of their own and move them to the tests, which must not have them yet."""
    if SEALED.exists():
        sys.exit(f"{SEALED} is there already: what was sealed once is not sealed again.")
    with tempfile.TemporaryDirectory() as work, endpoint():
        os.environ["METIER_CACHE"] = str(Path(work) / "cache")
        os.chdir(work)
        made = Path("made")
        make_all(made)
        (made / "phrases.csv").unlink()
        shutil.copytree(made, SEALED)


if __name__ == "__main__":
    main()
