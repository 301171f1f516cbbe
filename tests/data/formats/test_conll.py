import gzip

import pyarrow as pa
import pytest
from seqeval.metrics.sequence_labeling import get_entities

from metier.data import iterate, open_writer, read, read_alike
from metier.data.formats.conll import join_tokens, spans_of_tags
from metier.errors import BrokenRowError, CallError, DataError, MissingLabelError, UnreadableFileError


def put(path, content):
    path.write_text(content, encoding="utf-8")
    return path


def blocks(path):
    """Sentences of a file of two columns, read without Metier."""
    text = path.read_text(encoding="utf-8").strip("\n")
    return [[line.split("\t") for line in block.split("\n")] for block in text.split("\n\n")]


@pytest.mark.parametrize("file", ["ncbi_disease/train.conll", "uner_zh_gsd/train.conll"])
def test_every_entity_of_a_real_file_matches_its_text(examples, file):
    rows, sentences = read(examples / file), blocks(examples / file)
    assert len(rows) == len(sentences)
    found = 0
    for text, spans, sentence in zip(rows.texts, rows.values("spans"), sentences, strict=True):
        tokens, tags = zip(*sentence, strict=True)
        expected = [
            (label, "".join(tokens[first : last + 1])) for label, first, last in get_entities(list(tags))
        ]
        assert [(label, text[start:end].replace(" ", "")) for start, end, label in spans] == [
            (label, piece.replace(" ", "")) for label, piece in expected
        ]
        found += len(spans)
    assert found > 500
    assert rows.roles.spans == "spans"


def test_english_gets_spaces_and_chinese_none(examples):
    english, chinese = read(examples / "ncbi_disease/dev.conll"), read(examples / "uner_zh_gsd/dev.conll")
    assert english.texts[0] == "BRCA1 is secreted and exhibits properties of a granin ."
    assert chinese.texts[3].startswith("動作冒險遊戲（A-AVG）：是冒險遊戲的分支，")
    assert any("a space between tokens" in note for note in english.notes)
    assert any("no space between tokens" in note for note in chinese.notes)


def test_words_of_letters_keep_a_space_among_chinese():
    text, places = join_tokens(["買", "iPhone", "6", "和", "Mac", "（", "新", "）"], spaced=False)
    assert text == "買iPhone 6和Mac（新）"
    assert [text[start:end] for start, end in places] == ["買", "iPhone", "6", "和", "Mac", "（", "新", "）"]


FOUR = """-DOCSTART- -X- -X- O

EU NNP B-NP B-ORG
rejects VBZ B-VP O
German JJ B-NP B-MISC
call NN I-NP O

-DOCSTART- -X- -X- O

Peter NNP B-NP B-PER
Blackburn NNP I-NP I-PER
"""


def test_four_columns_and_documents(tmp_path):
    rows = read(put(tmp_path / "train.conll", FOUR))
    assert list(rows.texts) == ["EU rejects German call", "Peter Blackburn"]
    assert rows.values("spans") == [[[0, 2, "ORG"], [11, 17, "MISC"]], [[0, 15, "PER"]]]
    assert rows.table.column("document_id").to_pylist() == ["1", "2"]
    assert any("token in column 1, tag in column 4 of 4" in note for note in rows.notes)


def test_columns_with_numbers_and_comments_of_universal_ner(tmp_path):
    content = "# sent_id = 1\n# text = Ada codes\n1\tAda\tB-PER\t-\t-\n2\tcodes\tO\t-\t-\n\n"
    rows = read(put(tmp_path / "train.iob2", content))
    assert list(rows.texts) == ["Ada codes"]
    assert rows.values("spans") == [[[0, 3, "PER"]]]


@pytest.mark.parametrize("name", ["train.iob", "train.bio", "train.tsv", "train.txt", "train.conll.gz"])
def test_conll_is_recognised_by_content(tmp_path, name):
    content = "Ada\tB-PER\nLovelace\tI-PER\n\nin\tO\nLondon\tB-LOC\n"
    path = tmp_path / name
    path.write_bytes(gzip.compress(content.encode()) if name.endswith(".gz") else content.encode())
    assert read(path).values("spans") == [[[0, 12, "PER"]], [[3, 9, "LOC"]]]
    assert [list(batch.texts) for batch in iterate(path, 1)] == [["Ada Lovelace"], ["in London"]]


def test_texts_that_end_in_a_capital_o_are_not_conll(tmp_path):
    rows = read(put(tmp_path / "notes.txt", "size O\n\nblood type O\n"))
    assert list(rows.texts) == ["size O", "", "blood type O"]
    rows = read(put(tmp_path / "vitamins.txt", "vitamin B-12\nvitamin B-6\n"))
    assert list(rows.texts) == ["vitamin B-12", "vitamin B-6"]


@pytest.mark.parametrize(
    ("tags", "expected"),
    [
        ("B-A I-A O B-A B-A", [(0, 2, "A"), (3, 4, "A"), (4, 5, "A")]),
        ("B-A E-A S-B O B-A I-A E-A", [(0, 2, "A"), (2, 3, "B"), (4, 7, "A")]),
        ("B-A L-A U-B O", [(0, 2, "A"), (2, 3, "B")]),
        ("B-A I-B-C", [(0, 1, "A"), (1, 2, "B-C")]),
        ("O O", []),
    ],
    ids=["BIO", "IOBES", "BILOU", "another label begins", "nothing"],
)
def test_tags_of_every_scheme(tags, expected):
    assert spans_of_tags(tags.split())[0] == expected


@pytest.mark.parametrize("tags", ["O I-A I-A", "B-A I-B I-B O", "I-A", "O I-A O I-B B-B I-B", "B-A O I-A"])
def test_repair_reads_as_seqeval_does(tags):
    expected = [(first, last + 1, label) for label, first, last in get_entities(tags.split())]
    assert spans_of_tags(tags.split())[0] == expected


def test_an_i_tag_without_b_is_reported_with_its_line(tmp_path):
    path = put(tmp_path / "bad.conll", "a\tO\nb\tI-PER\n\nc\tB-LOC\nd\tI-PER\n")
    with pytest.raises(BrokenRowError, match=r"line 2: I-PER continues .* 1 more .* B-PER.*--repair") as caught:
        read(path)
    assert caught.value.line == 2
    rows = read(path, repair=True)
    assert rows.values("spans") == [[[2, 3, "PER"]], [[0, 1, "LOC"], [2, 3, "PER"]]]
    assert any("seqeval's lenient mode" in note for note in rows.notes)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("a\tO\nb\tB-X\nc\n\n", "line 3: found 1 column where the lines before have 2"),
        ("a\tO\nb\tB-X\n\nc\tX-Y\n", "line 4: 'X-Y' is not a tag"),
        ("a\tB-X\n\tO\n", "line 2: the token is empty"),
    ],
    ids=["a missing tag", "no tag", "no token"],
)
def test_broken_lines_are_reported(tmp_path, content, says):
    with pytest.raises(BrokenRowError, match=says):
        read(put(tmp_path / "bad.conll", content))


def test_a_broken_gzip_is_reported(tmp_path):
    path = tmp_path / "train.tsv.gz"
    path.write_bytes(gzip.compress(b"Ada\tB-PER\n\nBob\tB-PER\n" * 9_000)[:-200])
    with pytest.raises(UnreadableFileError, match="broken gzip"):
        read(path)


def test_further_sentences_are_read_like_the_first(examples):
    train = read(examples / "ncbi_disease/dev.conll")
    test = read_alike(examples / "ncbi_disease/test.conll", train)
    assert len(test.values("spans")) == 400
    with pytest.raises(MissingLabelError, match="--role spans=COLUMN"):
        next(iterate(examples / "ncbi_disease/test.conll")).values("spans")


# Writing.


@pytest.mark.parametrize("file", ["ncbi_disease/test.conll", "uner_zh_gsd/test.conll"])
def test_a_real_file_round_trips(examples, tmp_path, file):
    with open_writer(tmp_path / "out.conll") as writer:
        writer.write(read(examples / file).table)
    assert blocks(tmp_path / "out.conll") == blocks(examples / file)


def test_texts_without_tokens_are_tokenized_without_losing_a_span(tmp_path):
    spans = [{"start": 0, "end": 4, "label": "ORG"}, {"start": 7, "end": 9, "label": "LOC"}]
    with open_writer(tmp_path / "out.conll") as writer:
        writer.write(pa.table({"text": ["IBM2go in北京."], "spans": [spans]}))
    lines = (tmp_path / "out.conll").read_text(encoding="utf-8").split("\n")
    assert lines == ["IBM2\tB-ORG", "go\tO", "in\tB-LOC", "北\tO", "京\tO", ".\tO", "", ""]


def test_conll_without_spans_or_text_is_refused(tmp_path):
    with pytest.raises(CallError, match="no column 'spans'"), open_writer(tmp_path / "a.conll") as writer:
        writer.write(pa.table({"text": ["a"]}))
    with pytest.raises(DataError, match="Row 2 has no text"), open_writer(tmp_path / "a.conll") as writer:
        writer.write(pa.table({"text": ["a", " "], "spans": [[], []]}))
    assert not list(tmp_path.iterdir())
