import json
import re

import numpy as np
import pytest

pytest.importorskip("torch", reason="needs metier[train]")

from metier.errors import DataError, SettingsError
from metier.predictors.text.decoding import DecodingSettings, Search
from metier.predictors.text.decoding.constraints import (
    build_constraint,
    constrained_targets,
    read_constraint,
)
from metier.predictors.text.decoding.json_schema import canonical, read_schema
from metier.predictors.text.prompting import FileCodec

END = 2
TICKET = {
    "type": "object",
    "properties": {
        "topic": {"enum": ["card", "cash", "卡片"]},
        "urgent": {"type": "boolean"},
        "amount": {"anyOf": [{"type": "number"}, {"type": "null"}]},
        "note": {"type": "string", "maxLength": 6},
        "codes": {"type": "array", "items": {"type": "integer"}, "minItems": 1, "maxItems": 3},
        "who": {"type": "object", "properties": {"name": {"type": ["string", "null"]}}, "required": ["name"]},
        "kind": {"const": {"a": [1, None]}},
        "tags": {"type": "array", "items": {"type": "string"}},
    },
    "required": ["topic", "urgent", "codes", "who", "tags"],
}


@pytest.fixture(scope="session")
def codec(tiny_writers, tmp_path_factory):
    """Bytes, and the pairs that texts about cards taught."""
    texts = [
        '{"topic": "card", "urgent": true, "note": "我的卡还没有到"}',
        "my card never came, 现金",
        '", "',
        '"}]',
    ]
    path = tmp_path_factory.mktemp("codec") / "tokenizer.json"
    tiny_writers.make_tokenizer(texts * 20).backend_tokenizer.save(str(path))
    return FileCodec(path)


class Chance:
    """A model that knows nothing: each token is as likely as its logit of this draw."""

    def __init__(self, seed, n_tokens):
        self._random = np.random.default_rng(seed)
        self._n_tokens = n_tokens

    def start(self, prompts):
        return self._random.normal(scale=3, size=(len(prompts), self._n_tokens)), None

    def advance(self, tokens, state):
        return self._random.normal(scale=3, size=(len(tokens), self._n_tokens)), None

    def select(self, state, rows):
        return None


def written(codec, schema, *, seeds, most, **settings):
    kept = build_constraint(
        {"kind": "json_schema", "schema": schema}, codec, end_ids=[END], max_new_tokens=most
    )
    n_tokens = json.loads(codec.tokenizer_text())["model"]["vocab"]
    for seed in range(seeds):
        decoding = DecodingSettings(most, seed=seed, **settings)
        model = Chance(seed, len(n_tokens) + 3)
        yield codec.decode(list(Search(model, decoding, end_ids=[END], constraint=kept).tokens([5])))


def check_ticket(found):
    assert set(TICKET["required"]) <= found.keys() <= TICKET["properties"].keys()
    assert found["topic"] in ("card", "cash", "卡片")
    assert isinstance(found["urgent"], bool)
    assert found.get("amount") is None or isinstance(found["amount"], int | float)
    assert len(found.get("note", "")) <= 6
    assert 1 <= len(found["codes"]) <= 3
    assert all(isinstance(code, int) for code in found["codes"])
    assert found["who"].keys() == {"name"}
    assert found.get("kind", {"a": [1, None]}) == {"a": [1, None]}
    assert all(isinstance(tag, str) for tag in found["tags"])


@pytest.mark.parametrize("most", [75, 120, 300])
@pytest.mark.parametrize("settings", [{}, {"temperature": 5.0}, {"beams": 3}])
def test_what_is_written_always_parses_and_keeps_the_schema(codec, most, settings):
    texts = list(written(codec, TICKET, seeds=12, most=most, **settings))
    for text in texts:
        check_ticket(json.loads(text))
    assert len(set(texts)) > 6


def test_strings_hold_chinese_and_half_characters_never_end_them(codec):
    texts = list(written(codec, {"type": "string"}, seeds=60, most=12, temperature=3.0))
    assert all(isinstance(json.loads(text), str) and "\ufffd" not in text for text in texts)
    assert any(ord(character) > 0x7FF for text in texts for character in text)
    assert any("\\" in text for text in texts)


@pytest.mark.parametrize(
    "schema",
    [{"type": "number"}, {"type": "integer"}, {"anyOf": [{"type": "number"}, {"enum": [1.5, "x"]}]}],
)
def test_numbers_are_numbers(codec, schema):
    found = {text: json.loads(text) for text in written(codec, schema, seeds=60, most=9, temperature=4.0)}
    assert len(found) > 20
    assert all(value == "x" or abs(value) < float("inf") for value in found.values())
    if schema.get("type") == "integer":
        assert all(re.fullmatch(r"-?\d+", text) for text in found)


def test_the_mask_is_that_of_trying_every_token(codec):
    """Against the canonical reader: a token is allowed exactly if some text goes on so."""
    schema = {"type": "object", "properties": {"a": {"enum": ["xy", "xz", "w"]}, "b": {"type": "boolean"}}}
    texts = ["{}"] + [f'{{"a": {value}}}' for value in ('"xy"', '"xz"', '"w"')]
    texts += [
        text[:-1] + (", " if len(text) > 2 else "") + f'"b": {word}}}'
        for text in texts
        for word in ("true", "false")
    ]
    node = read_schema(schema)
    assert all(canonical(node, text) == text for text in texts)
    kept = build_constraint({"kind": "json_schema", "schema": schema}, codec, end_ids=[END], max_new_tokens=99)
    vocabulary = json.loads(codec.tokenizer_text())["model"]["vocab"]
    for text in texts:
        ids = codec.encode(text)
        for at in range(len(ids) + 1):
            begun = codec.decode(ids[:at])
            expected = {
                token
                for token in vocabulary.values()
                if token > END and any(one.startswith(begun + codec.decode([token])) for one in texts)
            }
            expected |= {END} if begun in texts else set()
            assert set(kept.allowed(ids[:at]).tolist()) == expected, begun


def choices_of(codec, choices, most=20):
    return build_constraint({"kind": "choices", "choices": choices}, codec, end_ids=[END], max_new_tokens=most)


@pytest.mark.parametrize("settings", [{}, {"temperature": 9.0}, {"beams": 2}])
def test_one_of_the_choices_is_written_whole(codec, settings):
    choices = ["card", "card lost", "cash", "现金", "never came"]
    kept = choices_of(codec, choices)
    found = set()
    for seed in range(40):
        search = Search(
            Chance(seed, 600), DecodingSettings(20, seed=seed, **settings), end_ids=[END], constraint=kept
        )
        found.add(codec.decode(list(search.tokens([5]))))
    assert found <= set(choices)
    assert {"card", "card lost"} & found
    assert len(found) > 2


def test_what_cannot_be_asked_for_is_said_by_name(codec):
    for schema, fault in [
        ({"type": "string", "pattern": "a+"}, "pattern at the top is not supported"),
        ({"$ref": "#/x"}, "type is None at the top"),
        ({"type": "object", "properties": {"a": {"type": "integer", "minimum": 3}}}, "minimum at /a is not supported"),
        ({"type": "object"}, "properties is {} at the top"),
        ({"type": "object", "properties": {"a": {"type": "null"}}, "required": ["b"]}, "names 'b'"),
        ({"type": "array"}, "items is missing at the top"),
        ({"type": "array", "items": {"type": "null"}, "minItems": 3, "maxItems": 2}, "minItems is 3 and maxItems 2"),
        ({"enum": []}, "enum is \\[\\] at the top"),
        ({"anyOf": [{"type": "strin"}]}, "type is 'strin' at /0"),
        ([], "the schema at the top is \\[\\]"),
    ]:  # fmt: skip
        with pytest.raises(SettingsError, match=fault):
            read_constraint(None, schema)
    for choices, fault in [
        (["a"], "holds 1 texts"),
        (["a", "a "], "holds 'a' twice"),
        (["a", ""], "not a text"),
    ]:
        with pytest.raises(SettingsError, match=fault):
            read_constraint(choices, None)
    with pytest.raises(SettingsError, match="max_new_tokens is 3, and the shortest text of json_schema has"):
        build_constraint({"kind": "json_schema", "schema": TICKET}, codec, end_ids=[END], max_new_tokens=3)
    with pytest.raises(SettingsError, match="max_new_tokens is 1, and the longest of choices has"):
        choices_of(codec, ["card", "never came"], most=1)


def test_files_are_read(tmp_path):
    (tmp_path / "labels.txt").write_text("card\n\n 现金 \n", encoding="utf-8")
    assert read_constraint(tmp_path / "labels.txt", None) == {"kind": "choices", "choices": ["card", "现金"]}
    (tmp_path / "schema.json").write_text('{"type": "null"}', encoding="utf-8")
    assert read_constraint(None, str(tmp_path / "schema.json"))["schema"] == {"type": "null"}
    with pytest.raises(SettingsError, match="cannot be read as a JSON file"):
        read_constraint(None, tmp_path / "labels.txt")
    with pytest.raises(SettingsError, match="one choice a line"):
        read_constraint("nowhere.txt", None)


def test_targets_that_break_the_constraint_are_refused_by_row():
    settings = read_constraint(None, TICKET)
    good = {"who": {"name": "李"}, "tags": [], "topic": "cash", "urgent": False, "codes": [1, 2]}
    assert constrained_targets(settings, [json.dumps(good, indent=2)]) == [
        '{"topic": "cash", "urgent": false, "codes": [1, 2], "who": {"name": "李"}, "tags": []}'
    ]
    bad = [{**good, "codes": []}, {**good, "note": "too long"}, {**good, "more": 1}, {**good, "amount": "1"}]
    with pytest.raises(DataError) as found:
        constrained_targets(settings, [json.dumps(good), *map(json.dumps, bad), "{"])
    text = str(found.value)
    assert text.startswith(
        "5 of 6 targets break json_schema: row 2: [] stands at /codes, expected an array of 1 to 3 items"
    )
    assert 'row 3: "too long" stands at /note, expected a string of at most 6 characters' in text
    assert "row 4: the key 'more' at the top is not in properties" in text
    assert 'row 5: "1" stands at /amount, expected one of 2 kinds of values' in text
    assert "row 6: it is not JSON" in text
    with pytest.raises(DataError, match="1 of 2 targets break choices: row 2: 'x' is not one of the choices"):
        constrained_targets(read_constraint(["a", "b"], None), ["a", "x"])
    assert constrained_targets(None, ["x"]) == ["x"]
