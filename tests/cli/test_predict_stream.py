import json

import pytest

from metier.bundles import load_bundle
from metier.classical.extracted_sentences import Lead
from metier.cli import program
from metier.errors import CallError

ASKED = "Where is my card?"


@pytest.fixture
def ask(writing_bundle, capsys):
    """Run the command on the bundle; give its exit code, stdout and stderr."""

    def _ask(*args):
        code = program.run(["predict", str(writing_bundle), *args])
        shown = capsys.readouterr()
        return code, shown.out, shown.err

    return _ask


def test_a_text_appears_piece_by_piece(ask, writing_bundle, monkeypatch):
    pieces = list(load_bundle(writing_bundle).stream(ASKED))
    assert len(pieces) > 1
    printed = []
    monkeypatch.setattr("builtins.print", lambda *said, **how: printed.append((said, how)))
    assert ask(ASKED, "--stream")[0] == 0
    for piece, (said, how) in zip(pieces, printed, strict=False):
        assert said == (piece,)
        assert (how["end"], how["flush"]) == ("", True)


def test_what_is_streamed_is_what_is_predicted(ask):
    _, whole, _ = ask(ASKED, "--json")
    code, out, _ = ask(ASKED, "--stream", "--json")
    *pieces, last = map(json.loads, out.splitlines())
    assert code == 0
    assert last == json.loads(whole)
    assert "".join(piece["piece"] for piece in pieces) == last["text"]


def test_a_file_is_not_streamed(ask, tmp_path):
    code, _, err = ask("--input", str(tmp_path / "a.csv"), "--output", str(tmp_path / "b.csv"), "--stream")
    assert code == 2
    assert "--stream works for texts" in err


def test_a_bundle_that_has_its_answers_at_once_says_so(writing_bundle, tmp_path):
    bundle = load_bundle(writing_bundle)
    method = Lead(n_sentences=1).fit(["One. Two."], ["One."])
    method.export(tmp_path)
    plain = type(bundle)(tmp_path, bundle.manifest, method.predictor_)
    assert bundle.can_stream
    assert not plain.can_stream
    with pytest.raises(CallError, match="cannot stream"):
        plain.stream(ASKED)
    with pytest.raises(TypeError, match="expected a text"):
        bundle.stream(3)
