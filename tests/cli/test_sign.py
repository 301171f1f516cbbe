"""`metier sign` on the command line, in English and Chinese; and what is served of it."""

import json
import shutil
from pathlib import Path

import pytest

from metier.bundles.sealing import record_gate
from metier.cli import program
from metier.cli.served import Loading, load_served
from metier.errors import SignatureError, TamperedBundleError

SEALED = Path(__file__).parents[1] / "bundles" / "sealed_71959d8"


@pytest.fixture
def run(capsys):
    def call(*words, code=0):
        assert program.run(["sign", *map(str, words)]) == code
        shown = capsys.readouterr()
        return shown.out + shown.err

    return call


@pytest.fixture
def bundle(tmp_path):
    return Path(shutil.copytree(SEALED / "linear.v1", tmp_path / "bundle"))


@pytest.fixture
def key(run, tmp_path):
    run("new-key", tmp_path / "release.pem", "--name", "release-2027")
    return tmp_path / "release.pem"


@pytest.fixture
def trusted(key, tmp_path):
    path = tmp_path / "trusted.txt"
    path.write_text("# Ours.\n\n" + (tmp_path / "release.pem.pub").read_text())
    return path


def test_a_signed_bundle_is_verified_and_served(run, bundle, key, trusted):
    assert key.stat().st_mode & 0o777 == 0o600
    assert "signed by" in run("bundle", bundle, "--key", key)
    assert "signed by release-2027, and unchanged" in run("verify", bundle, "--trusted-keys", trusted)
    assert json.loads(run("verify", bundle, "--trusted-keys", trusted, "--json"))["signed_by"] == "release-2027"
    assert load_served(bundle, Loading(trusted_keys=trusted)).name


def test_what_was_changed_afterwards_is_refused(run, bundle, key, trusted):
    run("bundle", bundle, "--key", key)
    record_gate(bundle, {"verdict": "pass"})
    assert "was changed after release-2027 signed it" in run(
        "verify", bundle, "--trusted-keys", trusted, code=1
    )
    with pytest.raises(SignatureError):
        load_served(bundle, Loading(trusted_keys=trusted))
    run("bundle", bundle, "--key", key)
    (bundle / "README.md").write_text("other")
    with pytest.raises(TamperedBundleError):
        load_served(bundle, Loading(trusted_keys=trusted))
    assert "is not as it was sealed" in run("bundle", bundle, "--key", key, code=1)


def test_what_nobody_or_a_stranger_signed_is_refused(run, bundle, key, trusted, tmp_path):
    assert "is not signed" in run("verify", bundle, "--trusted-keys", trusted, code=1)
    run("new-key", tmp_path / "other.pem", "--name", "other")
    run("bundle", bundle, "--key", tmp_path / "other.pem")
    assert "signed by a key that" in run("verify", bundle, "--trusted-keys", trusted, code=1)
    forged = json.loads((bundle / "signature.json").read_text())
    forged["key"] = (tmp_path / "release.pem.pub").read_text().split()[2]
    (bundle / "signature.json").write_text(json.dumps(forged))
    assert "was changed after" in run("verify", bundle, "--trusted-keys", trusted, code=1)
    for broken in ("{", "[]", '{"algorithm": "none"}'):
        (bundle / "signature.json").write_text(broken)
        assert "is no signature" in run("verify", bundle, "--trusted-keys", trusted, code=1)


def test_a_wrong_call_is_a_sentence(run, bundle, key, trusted, tmp_path):
    assert "is there already" in run("new-key", key, code=2)
    assert "without white space" in run("new-key", tmp_path / "x.pem", "--name", "a b", code=2)
    assert "cannot be read" in run("bundle", bundle, "--key", tmp_path / "missing", code=2)
    key.chmod(0o644)
    assert "can be read by other users" in run("bundle", bundle, "--key", key, code=2)
    (tmp_path / "no.pem").write_text("no")
    (tmp_path / "no.pem").chmod(0o600)
    assert "is no private key" in run("bundle", bundle, "--key", tmp_path / "no.pem", code=2)
    assert "cannot be read" in run("verify", bundle, "--trusted-keys", tmp_path / "missing", code=2)
    trusted.write_text("# none\n")
    assert "has no key" in run("verify", bundle, "--trusted-keys", trusted, code=2)
    trusted.write_text("release rsa AAAA\n")
    assert "line 1 is no key" in run("verify", bundle, "--trusted-keys", trusted, code=2)
    assert "There is nothing at" in run("verify", tmp_path / "nowhere", "--trusted-keys", trusted, code=2)


def test_without_the_package_its_install_command_is_told(run, bundle, key, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "metier.bundles.ed25519", None)
    assert "pip install 'metier[sign]'" in run("bundle", bundle, "--key", key, code=2)


def test_chinese(run, bundle, key, trusted, monkeypatch):
    monkeypatch.setenv("METIER_LANG", "zh")
    assert "没有签名" in run("verify", bundle, "--trusted-keys", trusted, code=1)
    assert "签名" in run("bundle", bundle, "--key", key)
