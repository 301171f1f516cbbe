"""A tokenizer as Marian has it, and what transformers reads with it: the data of `tests/export/test_paired_tokenizers.py`.

    pip install sentencepiece
    python scripts/marian_fixture.py

Two SentencePiece models are learned on texts of `examples`, English and Chinese; one vocabulary in another order joins
them, without some pieces. The source side normalises as published models do, the target side not at all.
"""

import csv
import json
import tempfile
from pathlib import Path

import sentencepiece
from transformers import MarianTokenizer

PROJECT = Path(__file__).parents[1]
FOLDER = PROJECT / "tests" / "export" / "marian"
ODD = (
    *(
        "",
        "  two  spaces ",
        ">>zh<< hello",
        ">>xx<< hello",
        "tab\there\nand",
        "\ufb01 ligature \uff11\uff12 \uff21",
    ),
    *(
        "\u9b31\u9b31 \u6c49\u5b57 in English",
        "emoji \U0001f600 x",
        "a\u00a0b\u200bc",
        "e\u0301 \u00c5",
    ),
)
N_TEXTS, SHOWN = 400, 40


def texts() -> tuple[list[str], list[str]]:
    """Give English and Chinese texts."""
    english = (PROJECT / "examples" / "scitldr" / "train.jsonl").read_text("utf-8").splitlines()
    with (PROJECT / "examples" / "csl_category_zh" / "train.csv").open(encoding="utf-8", newline="") as file:
        chinese = [row["text"] for row in csv.DictReader(file)]
    return [json.loads(line)["document"][:300] for line in english[:N_TEXTS]], chinese[:N_TEXTS]


def learn(name: str, rows: list[str], size: int, rule: str) -> list[str]:
    """Leave `name.spm`, and give its pieces."""
    with tempfile.TemporaryDirectory() as beside:
        path = Path(beside, "texts.txt")
        path.write_text("\n".join(row.replace("\n", " ") for row in rows), encoding="utf-8")
        sentencepiece.SentencePieceTrainer.train(
            input=str(path),
            model_prefix=str(Path(beside, name)),
            vocab_size=size,
            character_coverage=0.98,
            normalization_rule_name=rule,
            minloglevel=2,
            num_threads=1,
        )
        Path(beside, f"{name}.model").replace(FOLDER / f"{name}.spm")
    model = sentencepiece.SentencePieceProcessor(model_file=str(FOLDER / f"{name}.spm"))
    return [model.id_to_piece(number) for number in range(3, model.get_piece_size())]


def main() -> None:
    """Write the models, the vocabulary, and the ids of some texts on both sides."""
    english, chinese = texts()
    pieces = learn("source", english, 400, "nmt_nfkc") + learn("target", chinese, 1500, "identity")
    kept = [piece for number, piece in enumerate(dict.fromkeys(pieces)) if number % 37]
    kept += [">>zh<<", ">>en<<"]
    kept.sort(key=lambda piece: piece[::-1])  # In an order that is neither model's.
    vocabulary = {piece: number for number, piece in enumerate(("</s>", "<unk>", *kept, "<pad>"))}
    (FOLDER / "vocab.json").write_text(json.dumps(vocabulary, ensure_ascii=False), encoding="utf-8")
    facts = {"source_lang": "en", "target_lang": "zh", "tokenizer_class": "MarianTokenizer"}
    (FOLDER / "tokenizer_config.json").write_text(json.dumps(facts) + "\n", encoding="utf-8")
    tokenizer = MarianTokenizer.from_pretrained(FOLDER)
    rows = []
    for text in (*english[:SHOWN], *chinese[:SHOWN], *ODD):
        read = tokenizer.encode(text, add_special_tokens=False)
        written = tokenizer(text_target=text, add_special_tokens=False)["input_ids"]
        rows.append(
            {
                "text": text,
                "read": read,
                "written": written,
                "shown": tokenizer.decode(written, skip_special_tokens=True),
            }
        )
    lines = [json.dumps(row, ensure_ascii=False) for row in rows]
    (FOLDER / "ids.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
