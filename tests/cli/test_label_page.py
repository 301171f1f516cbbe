"""`metier label --queue` in a real terminal, and piped."""

import io
import os
import pty
import select
import signal
import subprocess
import sys
import time

import pytest

from metier.cli.console import SafeConsole
from metier.cli.label_page import draw
from metier.continual.labelling.feeds import OwnRows
from metier.continual.labelling.page import Page
from metier.continual.queue import NewItem, QueueStore

REASON = ("breaking_ties", "The model hesitates between 'card' (48 %) and 'loan' (40 %).")


@pytest.fixture
def where(tmp_path):
    path = tmp_path / "queue.sqlite"
    store = QueueStore(path)
    rows = [
        NewItem("a", str(n), f"my card {n} never came", (REASON,), {"label": "card", "probability": 0.48})
        for n in range(3)
    ]
    store.add(rows)
    store.change(labels=["card", "loan"])
    store.close()
    return path


def command(where, *more):
    return [sys.executable, "-m", "metier", "label", "--queue", str(where), *more]


def piped(where, keys, *more):
    return subprocess.run(
        command(where, *more), input=keys, capture_output=True, text=True, timeout=60, check=False
    )


def labels(where):
    store = QueueStore(where)
    try:
        return [(one.item, one.labeller, one.answer and one.answer["label"]) for one in store.labels()]
    finally:
        store.close()


class Terminal:
    """A program in a pseudo terminal."""

    def __init__(self, args):
        self.screen = ""
        child, self._descriptor = pty.fork()
        if child == 0:
            os.environ |= {"TERM": "xterm", "COLUMNS": "80", "LINES": "24"}
            os.execvp(args[0], args)
        self.child = child

    def wait_for(self, text, seconds=40):
        end = time.monotonic() + seconds
        while text not in self.screen:
            assert time.monotonic() < end, self.screen[-2000:]
            if select.select([self._descriptor], [], [], 0.5)[0]:
                self.screen += os.read(self._descriptor, 65_536).decode("utf-8", "replace")

    def type(self, keys):
        self.screen = ""
        os.write(self._descriptor, keys.encode())

    def code(self):
        while True:
            try:
                if not os.read(self._descriptor, 65_536):
                    break
            except OSError:  # So Linux says that the other end is closed.
                break
        return os.waitstatus_to_exitcode(os.waitpid(self.child, 0)[1])


def test_rows_are_labelled_in_a_terminal_key_by_key(where):
    screen = Terminal(command(where, "--labeller", "anna"))
    screen.wait_for("a key chooses")
    assert "my card 0 never came" in screen.screen
    assert "why: The model hesitates between" in screen.screen
    screen.type("2")
    screen.wait_for("my card 1 never came")
    screen.type("\x1a")  # Ctrl-Z takes back, and does not stop the program.
    screen.wait_for("Taken back.")
    screen.type("\x1b[A1")  # An arrow is no key, and no escape with letters behind it.
    screen.wait_for("my card 1 never came")
    screen.type("\x03")
    assert screen.code() == 0
    assert labels(where) == [(1, "anna", "card")]


def test_keys_may_come_through_a_pipe(where):
    done = piped(where, "2u\n1q", "--labeller", "anna")
    assert (done.returncode, done.stderr) == (0, "")
    assert "2 rows labelled, 1 left" in done.stdout
    assert labels(where) == [(1, "anna", "card"), (2, "anna", "card")]
    assert max(len(line) for line in done.stdout.splitlines() if str(where) not in line) < 120


def test_the_end_of_a_pipe_ends_the_page(where):
    assert "1 row labelled, 2 left" in piped(where, "1", "--labeller", "anna").stdout


def test_the_page_in_chinese(where):
    shown = piped(where, "?xq", "--labeller", "安娜", "--lang", "zh").stdout
    assert "原因：模型在 'card'（48 %）和 'loan'（40 %）之间犹豫。" in shown
    assert "回车接受模型的答案" in shown
    assert "本次已标注 0 条" in shown
    assert "why" not in shown
    assert "Space skips" not in shown


def test_two_labellers_and_who_settles(where):
    piped(where, "111", "--labeller", "anna", "--overlap", "1")
    assert "labellers disagree on 1 row; settle" in piped(where, "112", "--labeller", "bert").stdout
    shown = piped(where, "2", "--labeller", "cleo", "--adjudicate").stdout
    assert "anna says: card" in shown
    assert "bert says: loan" in shown
    assert "disagree on no row" in piped(where, "", "--adjudicate").stderr


@pytest.mark.parametrize(
    ("args", "said"),
    [
        ([], "Give FILE with --rules"),
        (["--queue", "q.sqlite", "--rules", "r.yaml"], "Give FILE with --rules"),
        (["--rules", "r.yaml"], "--rules needs FILE"),
        (["--queue", "new.sqlite"], "There is no queue new.sqlite. Fill one with: metier queue"),
    ],
)
def test_what_cannot_work_is_said(tmp_path, args, said):
    done = subprocess.run(
        [sys.executable, "-m", "metier", "label", *args],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        check=False,
    )
    assert done.returncode == 2
    assert said in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_of_a_long_text_the_beginning_is_shown_and_the_rest_by_a_key(tmp_path):
    store = QueueStore(tmp_path / "long.sqlite")
    store.add([NewItem("a", "1", "开头 " + "很长的文本 " * 1_600 + "结尾", (REASON,))])
    page = Page(OwnRows(store, "anna"), ["card", "loan"], "label")
    shown = drawn(page, width=40, height=24)
    assert shown.count("\n") < 24
    assert "开头" in shown
    assert "结尾" not in shown
    assert "+ shows the whole text" in " ".join(shown.split())
    page.press("+")
    assert "结尾" in drawn(page, width=40, height=24)
    store.close()


def drawn(page, *, width, height):
    out = io.StringIO()
    draw(page.view(), SafeConsole(file=out, force_terminal=True, width=width, height=height), kind="label")
    return out.getvalue()


def test_what_was_answered_before_a_kill_is_stored_and_two_terminals_share_a_queue(where):
    anna = Terminal(command(where, "--labeller", "anna"))
    anna.wait_for("my card 0 never came")
    bert = Terminal(command(where, "--labeller", "bert"))
    bert.wait_for("my card 1 never came")
    anna.type("1")
    anna.wait_for("my card 2 never came")
    os.kill(anna.child, signal.SIGKILL)
    assert anna.code() == -signal.SIGKILL
    bert.type("2")
    bert.wait_for("no row left for you")  # Anna's is kept for her for a while.
    bert.type("q")
    assert bert.code() == 0
    assert labels(where) == [(1, "anna", "card"), (2, "bert", "loan")]
    again = Terminal(command(where, "--labeller", "anna"))
    again.wait_for("my card 2 never came")
    again.type("1")
    again.wait_for("no row left for you")
    again.type("q")
    assert again.code() == 0
    assert labels(where)[-1] == (3, "anna", "card")
