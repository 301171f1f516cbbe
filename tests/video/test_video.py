"""Videos in scenes, tags and words. The clips are generated: icons and photographs as frames, a synthetic voice."""

import json
import shutil
import subprocess
import wave
from pathlib import Path

import numpy as np
import pytest

from metier.cli import program
from metier.errors import CallError, VideoError, VideoTooLongError
from metier.speech.models import installed_models
from metier.speech.transcript import Segment, Transcript
from metier.tasks.answers import LABEL
from metier.tasks.inputs import IMAGE, TEXT
from metier.video import Description, describe, scenes
from metier.video.description import FORMS, Tagged

av = pytest.importorskip("av", reason="needs metier[speech]")
pillow = pytest.importorskip("PIL.Image", reason="needs metier[image]")
ROOT = Path(__file__).parents[2] / "examples"
PICTURES = [
    ROOT / "groceries" / "images" / "train_Golden-Delicious_001.jpg",
    *sorted((ROOT / "titled_icons" / "images").glob("*.png"))[:1],
    *sorted((ROOT / "groceries" / "images").glob("dev_*.jpg"))[:1],
]
RATE, SECONDS, SIDE = 8, 2, 160


def write_clip(path, pictures=PICTURES, *, voice=None, codec="libx264", seconds=SECONDS):
    """Show each picture for some seconds, and say what a WAV file of 16,000 samples a second says."""
    with av.open(str(path), "w") as media:
        stream = media.add_stream(codec, rate=RATE)
        stream.width = stream.height = SIDE
        stream.pix_fmt = "yuv420p"
        sound = media.add_stream("aac", rate=16_000) if voice else None
        for picture in pictures:
            with pillow.open(picture) as image:
                shown = np.asarray(image.convert("RGBA").resize((SIDE, SIDE)).convert("RGB"))
            for _ in range(RATE * seconds):
                media.mux(stream.encode(av.VideoFrame.from_ndarray(shown, format="rgb24")))
        media.mux(stream.encode())
        if sound is not None:
            with wave.open(str(voice)) as file:
                samples = np.frombuffer(file.readframes(file.getnframes()), np.int16)
            for start in range(0, len(samples), 1024):
                frame = av.AudioFrame.from_ndarray(
                    samples[None, start : start + 1024], format="s16", layout="mono"
                )
                frame.sample_rate, frame.pts = 16_000, start
                media.mux(sound.encode(frame))
            media.mux(sound.encode())
    return path


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    return write_clip(tmp_path_factory.mktemp("video") / "clip.mp4")


class Reddest:
    """Tags a picture by its strongest colour: what it says can be checked by hand."""

    input_kind, answer_kind = IMAGE, LABEL

    def predict(self, items):
        from metier.image import decoded
        from metier.tasks.answer_batches import Answers

        means = np.stack([decoded(item, 32).reshape(-1, 3).mean(axis=0) for item in items])
        shares = means / means.sum(axis=1, keepdims=True)
        return Answers(shares, ("red", "green", "blue"), ("reddest",) * len(items))


def test_each_picture_that_is_shown_is_a_scene(clip):
    found = scenes(clip)
    assert [round(scene.start) for scene in found] == [0, 2, 4]
    assert [round(scene.end) for scene in found] == [2, 4, 6]
    for scene, path in zip(found, PICTURES, strict=True):
        with pillow.open(scene.picture.open()) as kept, pillow.open(path) as shown:
            assert kept.size == (SIDE, SIDE)
            expected = np.asarray(shown.convert("RGBA").resize((SIDE, SIDE)).convert("RGB"), dtype=float)
            assert np.abs(np.asarray(kept.convert("RGB"), dtype=float) - expected).mean() < 12


def test_a_still_is_one_scene_and_webm_is_read_too(tmp_path):
    [scene] = scenes(write_clip(tmp_path / "still.webm", PICTURES[:1], codec="libvpx", seconds=3))
    assert scene.start == 0
    assert 2.5 < scene.end <= 3.1


def test_scenes_are_tagged_and_a_video_without_sound_says_nothing(clip):
    found = describe(clip, tagger=Reddest())
    assert found.scenes[0].record["label"] in ("red", "green")
    assert found.transcript is None
    assert found.text.splitlines()[1].startswith("00:00:02 [")
    assert found.as_dict()["seconds"] == pytest.approx(6, abs=0.6)


def test_a_model_of_texts_cannot_tag(clip):
    tagger = Reddest()
    tagger.input_kind = TEXT
    with pytest.raises(CallError, match="asked about a text"):
        describe(clip, tagger=tagger)


def test_subtitles_are_in_order_and_nothing_in_them_begins_another():
    said = Transcript((Segment(1.5, 2.25, " Hello --> there\n\nfriend"), Segment(9, 9.5, "  ")), "en", 10, "m")
    shown = (Tagged(0.0, 3.0, "apple", {}), Tagged(3.0, 10.0, "", {}))
    found = Description("clip.mp4", 10.0, shown, said)
    assert found.srt() == (
        "1\n00:00:00,000 --> 00:00:03,000\n[apple]\n\n2\n00:00:01,500 --> 00:00:02,250\nHello -> there friend\n"
    )
    assert found.vtt().startswith("WEBVTT\n\n00:00:00.000 --> 00:00:03.000\n[apple]\n")
    assert found.text == "00:00:00 [apple]\n00:00:01 Hello -> there friend"
    assert json.loads(FORMS["json"](found))["said"] == [
        {"start": 1.5, "end": 2.25, "text": "Hello -> there friend"}
    ]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "it is empty"),
        (b"no video at all, but some words", "its content is not MP4"),
        (b"\x00\x00\x00\x18ftypmp42" + bytes(200), "cut short or damaged"),
        (None, "there is no such file"),
    ],
)
def test_what_is_no_video_is_said(tmp_path, content, said):
    path = tmp_path / "clip.mp4"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(VideoError, match=said):
        scenes(path)


def test_a_folder_and_sound_alone_are_no_video(tmp_path, clip):
    with pytest.raises(VideoError, match="it is a folder"):
        scenes(tmp_path)
    path = tmp_path / "sound.mp4"
    with av.open(str(path), "w") as media:
        sound = media.add_stream("aac", rate=16_000)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.int16), format="s16", layout="mono")
        frame.sample_rate = 16_000
        media.mux(sound.encode(frame))
        media.mux(sound.encode())
    with pytest.raises(VideoError, match="it has no frames"):
        scenes(path)


def test_a_cut_file_and_a_long_one_are_refused(tmp_path, clip):
    short = tmp_path / "short.mp4"
    short.write_bytes(clip.read_bytes()[: clip.stat().st_size // 2])
    with pytest.raises(VideoError):
        scenes(short)
    with pytest.raises(VideoTooLongError, match="6 seconds or more; 3 seconds"):
        scenes(clip, most_seconds=3)


def test_the_command_writes_a_file_and_refuses_to_replace_it(clip, tmp_path, capsys):
    out = tmp_path / "clip.vtt"
    asked = ["describe", str(clip), "--no-speech", "--format", "json", "--out", str(out)]
    assert program.run(asked) == 0
    assert [round(one["start"]) for one in json.loads(out.read_text("utf-8"))["scenes"]] == [0, 2, 4]
    capsys.readouterr()
    assert program.run(asked) != 0
    assert "--overwrite" in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("espeak-ng") is None, reason="needs espeak-ng, whose voice reads")
@pytest.mark.skipif(not installed_models(), reason="needs a packaged speech model")
def test_what_is_said_is_written_down(tmp_path, capsys):
    spoken, voice = tmp_path / "spoken.wav", tmp_path / "voice.wav"
    subprocess.run(
        ["espeak-ng", "-v", "en-us", "-s", "140", "-w", spoken, "Look at the green apples on the table."],
        check=True,
    )
    with wave.open(str(spoken)) as file:
        rate, samples = file.getframerate(), np.frombuffer(file.readframes(file.getnframes()), np.int16)
    at = np.arange(0, len(samples), rate / 16_000)
    with wave.open(str(voice), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16_000)
        file.writeframes(np.interp(at, np.arange(len(samples)), samples).astype(np.int16).tobytes())
    clip = write_clip(tmp_path / "clip.mp4", voice=voice)
    assert program.run(["describe", str(clip), "--format", "json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert "apples" in " ".join(one["text"] for one in facts["said"]).lower()
    assert facts["language"] == "en"
