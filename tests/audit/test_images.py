"""What can be told without what an image shows, and rows that lack a part, are found; fair rows are left alone."""

import shutil
from pathlib import Path

import numpy as np
import pytest

import metier
from metier.audit import examine
from metier.audit.image_shortcuts import check_shortcuts
from metier.audit.image_text import check_text_in_images
from metier.report.words import Words

pytest.importorskip("PIL", reason="needs metier[image]")
EXAMPLES = Path(__file__).parents[2] / "examples"
SIDE = 96


def noise(random, mark=None, size=(SIDE, SIDE), shade=128):
    """An image of coarse noise, without anything that tells labels apart; a mark is a bar at the border."""
    from PIL import Image

    pixels = np.clip(random.normal(shade, 40, (12, 12, 3)), 0, 255).astype(np.uint8)
    image = Image.fromarray(pixels).resize(size)
    if mark:
        image.paste((250, 250, 250), (2, 2, size[0] // 2, 7))
    return image


def table(folder, rows, *, columns="image,label", **roles):
    lines = [columns]
    for number, (image, *values) in enumerate(rows):
        name = ""
        if image is not None:
            name = f"{number}.png"
            image.save(folder / name)
        lines.append(",".join([name, *map(str, values)]))
    (folder / "rows.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return metier.read(folder / "rows.csv", image="image", **roles)


def found(rows):
    return {finding.check: finding for finding in check_shortcuts(rows)}


@pytest.mark.parametrize(
    ("check", "given"),
    [
        ("labels-by-border", lambda label: {"mark": label == "ill"}),
        ("labels-by-size", lambda label: {"size": (120, 96) if label == "ill" else (96, 96)}),
        ("labels-by-colour", lambda label: {"shade": 118 if label == "ill" else 138}),
        (None, lambda label: {}),
    ],
)
def test_labels_that_a_mark_a_size_or_a_light_tells(tmp_path, check, given):
    random = np.random.default_rng(0)
    labels = ["ill", "well"] * 40
    findings = found(table(tmp_path, [(noise(random, **given(label)), label) for label in labels]))
    assert check in findings if check else not findings
    for finding in findings.values():
        assert finding.facts["majority"] == 0.5
        assert Words("zh").told(finding.sentence) != finding.sentence


def test_photographs_of_different_things_are_not_said_to_be_told_by_their_border():
    assert "labels-by-border" not in found(metier.read(EXAMPLES / "groceries" / "data.csv"))


def test_too_few_rows_say_nothing(tmp_path):
    random = np.random.default_rng(0)
    assert found(table(tmp_path, [(noise(random, mark=at % 2), "ab"[at % 2]) for at in range(20)])) == {}


def test_a_group_on_both_sides_of_a_given_split(tmp_path):
    random = np.random.default_rng(0)
    rows = [
        (noise(random), "ab"[at % 2], f"p{at // 4}", "test" if at in (3, 10, 11) else "train")
        for at in range(16)
    ]
    table(tmp_path, rows, columns="image,label,patient_id,split")
    rows = metier.read(tmp_path / "rows.csv")
    assert rows.roles.group == "patient_id"
    [finding] = examine(rows, label_errors=False).find("test-known-groups")
    assert finding.rows == (3, 10, 11)
    assert "3 rows of" in finding.sentence
    assert "are of 2 groups (patient_id)" in finding.sentence
    assert "属于 2 个" in Words("zh").told(finding.sentence)
    texts = metier.read(
        [{"text": f"text {at}", "label": "ab"[at % 2], "customer_id": at // 2} for at in range(8)]
    )
    tested = metier.read([{"text": "new text", "label": "a", "customer_id": 3}], group="none")
    assert examine(texts, test=tested, label_errors=False).find("test-known-groups")[0].rows == (0,)


def both(folder, rows):
    return examine(table(folder, rows, columns="image,text,label,split", text="text"), label_errors=False)


def test_a_split_without_any_image_and_labels_without_one(tmp_path):
    random = np.random.default_rng(0)
    rows = [(noise(random) if at % 3 else None, f"text {at}", "abc"[at % 3], "train") for at in range(12)]
    audit = both(tmp_path, [*rows, (None, "text 20", "a", "test"), (None, "text 21", "b", "test")])
    [finding] = audit.find("labels-without-images")
    assert (finding.facts["labels"], finding.rows) == (["a"], (0, 3, 6, 9))
    [finding] = audit.find("test-missing-images")
    assert finding.severity == "error"
    assert "has an image, and rows of" in finding.sentence
    assert "没有一条样本有图片" in Words("zh").told(finding.sentence)
    again = [*rows, (noise(random), "text 20", "a", "test")]
    assert not both(tmp_path, again).find("test-missing-images")


def written(text):
    from PIL import Image, ImageDraw, ImageFont

    image = Image.new("RGB", (400, 200), "white")
    if text:
        ImageDraw.Draw(image).text((20, 70), text, fill="black", font=ImageFont.load_default(40))
    return image


def test_text_in_images_is_found_where_something_can_read_it(tmp_path):
    if shutil.which("tesseract") is None:
        pytest.skip("needs tesseract-ocr")
    rows = table(tmp_path, [(written(text), "a") for text in ("PORTABLE CHEST", "", "")])
    [finding] = check_text_in_images(rows)
    assert (finding.check, finding.rows) == ("text-in-images", (0,))
    assert finding.examples[0]["words"] >= 2
    assert Words("zh").told(finding.sentence) != finding.sentence


def test_that_nobody_could_look_for_text_is_said(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    [finding] = check_text_in_images(table(tmp_path, [(written(""), "a")]))
    assert finding.check == "images-not-read"
    assert Words("zh").told(finding.sentence) != finding.sentence
