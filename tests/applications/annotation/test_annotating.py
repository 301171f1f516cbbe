"""From a folder of scans to labels, a queue for readers, and their labels back as rows that can be trained on."""

import base64
import csv
import json
import subprocess
import sys

import numpy as np
import pytest
from starlette.testclient import TestClient

import metier
from metier.cli import program
from metier.cli.speech import spoken
from metier.serving import build_app
from metier.serving.settings import ServingSettings


@pytest.fixture(scope="module")
def ward(scans, dicom_files, tmp_path_factory):
    """A folder without labels: drawings, one with text stated in its pixels, one that is cut, one unlike all others."""
    folder = tmp_path_factory.mktemp("ward")
    for number, path in enumerate(sorted(scans.rglob("IM*"))[::5]):
        (folder / f"S{number}.dcm").write_bytes(path.read_bytes())
    random = np.random.default_rng(0)
    noise = random.integers(0, 256, (96, 96), dtype=np.uint8)
    dicom_files.written(dicom_files.made(noise, BurnedInAnnotation="YES"), folder / "stated.dcm")
    dicom_files.written(dicom_files.made(np.zeros((96, 96), np.uint8), PatientID="dark"), folder / "dark.dcm")
    (folder / "cut.dcm").write_bytes((folder / "S0.dcm").read_bytes()[:-200])
    return folder


@pytest.fixture(scope="module")
def annotated(model, ward, scans, tmp_path_factory):
    out = tmp_path_factory.mktemp("annotated") / "out"
    asked = ["annotate", model, ward, "--out", out, "--like", scans, "--min-confidence", "0.6"]
    assert program.run([*map(str, asked)]) == 0
    return out


def table(path):
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_what_is_sure_has_a_label_and_the_rest_has_none(annotated):
    rows = {row["image"]: row for row in table(annotated / "annotations.csv")}
    assert {row["status"] for row in rows.values()} == {"answered", "needs a reader"}
    for row in rows.values():
        assert bool(row["label"]) == (row["status"] == "answered")
        if row["label"]:
            assert float(row["probability"]) >= 0.6
            assert not row["reasons"]
    assert "text in the pixels" in rows["stated.dcm"]["reasons"]
    assert "unlike the training images" in rows["dark.dcm"]["reasons"]
    assert rows["cut.dcm"]["reasons"].startswith("cannot be read; cut.dcm cannot be used")
    assert rows["cut.dcm"]["suggestion"] == ""


def test_the_queue_has_the_most_needed_first(annotated):
    queue = table(annotated / "queue.csv")
    needs = [float(row["need"]) for row in queue]
    assert needs == sorted(needs, reverse=True)
    assert queue[0]["image"] == "cut.dcm"
    waiting = [
        row["image"] for row in table(annotated / "annotations.csv") if row["status"] == "needs a reader"
    ]
    assert {row["image"] for row in queue} == set(waiting)


def test_heat_maps_are_written_for_what_waits(model, ward, tmp_path, capsys):
    for name in ("stated.dcm", "cut.dcm"):
        (tmp_path / "few" / name).parent.mkdir(exist_ok=True)
        (tmp_path / "few" / name).write_bytes((ward / name).read_bytes())
    asked = ["annotate", model, tmp_path / "few", "--out", tmp_path / "out", "--heat-maps", "queue"]
    assert program.run([*map(str, asked)]) == 0
    assert "1 heat map: warm is what the model used" in capsys.readouterr().out
    cut, stated = table(tmp_path / "out" / "queue.csv")
    assert (tmp_path / "out" / stated["heat_map"]).read_bytes().startswith(b"\x89PNG")
    assert not cut["heat_map"]


def test_readers_labels_come_back_as_rows_that_are_read_with_patients(annotated, model, ward, tmp_path, capsys):
    queue = table(annotated / "queue.csv")
    for row in queue[1:]:
        row["reader_label"], row["reader"] = "people", "R1"
    filled = tmp_path / "filled.csv"
    with filled.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, queue[0].keys())
        writer.writeheader()
        writer.writerows(queue)
    out = ward / "reviewed.csv"
    assert program.run(["reviewed", str(filled), "--out", str(out), "--model", str(model)]) == 0
    shown = capsys.readouterr().out
    assert f"{len(queue) - 1} rows with labels of readers" in shown
    assert "still open: 1 row" in shown
    assert "so this is no accuracy of the model" in shown
    rows = metier.read(out)
    assert set(rows.labels) == {"people"}
    assert rows.roles.group == "patient"
    out.unlink()


def test_labels_of_readers_are_checked(annotated, model, ward, tmp_path, capsys):
    queue = table(annotated / "queue.csv")
    queue[1]["reader_label"] = "pepole"
    filled = tmp_path / "filled.jsonl"
    filled.write_text("".join(json.dumps(row) + "\n" for row in queue), encoding="utf-8")
    asked = ["reviewed", str(filled), "--out", str(ward / "reviewed.csv")]
    assert program.run(asked) == 2
    assert "Name the model with --model" in capsys.readouterr().err
    assert program.run([*asked, "--model", str(model)]) == 1
    assert "'pepole' is no label of the model. Did you mean 'people'?" in capsys.readouterr().err
    assert not (ward / "reviewed.csv").exists()


def test_a_second_model_that_disagrees_asks_for_a_reader(model, ward, tmp_path, capsys):
    same = [
        "annotate",
        str(model),
        str(ward),
        "--out",
        str(tmp_path / "same"),
        "--second",
        str(model),
        "--json",
    ]
    assert program.run(same) == 0
    facts = json.loads(capsys.readouterr().out)
    assert "models disagree" not in facts["reasons"]
    assert facts["answered"] + facts["needs_reader"] == facts["rows"]


def test_by_chance_some_of_what_is_sure_is_checked_too(model, ward, tmp_path, capsys):
    asked = ["annotate", str(model), str(ward), "--out", str(tmp_path / "out"), "--min-confidence", "0"]
    assert program.run([*asked, "--check-fraction", "1", "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["answered"] == 0
    assert facts["reasons"]["random check"] == facts["rows"] - 1  # One cannot be read.


def test_nothing_is_replaced_and_other_models_are_refused(annotated, model, ward, tmp_path, capsys):
    assert program.run(["annotate", str(model), str(ward), "--out", str(annotated)]) == 2
    assert "exists already, and stays as it is" in capsys.readouterr().err


def test_in_chinese_it_asks_for_a_physician(model, ward, tmp_path, capsys):
    asked = ["annotate", str(model), str(ward), "--out", str(tmp_path / "out"), "--min-confidence", "0.99"]
    assert program.run([*asked, "--lang", "zh"]) == 0
    assert "需要医师阅片" in capsys.readouterr().out
    assert spoken("zh").translated("needs a reader") == "需要医师阅片"


def test_annotation_needs_no_torch(model, ward, tmp_path):
    code = (
        "import sys\nsys.modules['torch'] = None\nfrom metier.cli import program\n"
        f"sys.exit(program.run(['annotate', {str(model)!r}, {str(ward)!r}, '--out', {str(tmp_path / 'out')!r}]))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "needs a reader" in done.stdout


def test_a_folder_is_answered_line_by_line_and_asks_for_a_reader(model, ward, capsys):
    whole = sorted(path for path in ward.iterdir() if path.name != "cut.dcm")[:3]
    assert program.run(["predict", str(model), *map(str, whole), "--min-confidence", "1"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 3
    assert all("needs a reader" in line for line in lines)
    assert program.run(["predict", str(model), str(ward)]) == 1  # One of its images is cut.
    assert "cut.dcm cannot be used" in capsys.readouterr().err


def test_a_scan_is_answered_over_http_and_what_is_none_is_refused(model, ward):
    with TestClient(build_app(lambda: metier.load(model), ServingSettings())) as client:
        while client.get("/readyz").status_code != 200:
            pass
        scan = base64.b64encode((ward / "S0.dcm").read_bytes()).decode()
        answer = client.post("/v1/predict", json={"image": scan})
        expected = metier.load(model).predict([{"image": str(ward / "S0.dcm")}]).predicted[0]
        assert answer.json()["label"] == expected
        cut = base64.b64encode((ward / "cut.dcm").read_bytes()).decode()
        refused = client.post("/v1/predict", json={"image": cut})
        assert refused.status_code in (400, 422)
        assert "it is cut short or damaged" in refused.text
