import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest

from metier.bundles import load_bundle, resolve_bundle
from metier.errors import BundleError, CallError


def make_run(bundle, tmp_path, *, best=True):
    run = tmp_path / "runs" / "banking"
    (run / "candidates").mkdir(parents=True)
    bundle.rename(run / "candidates" / bundle.name)
    if best:
        (run / "best").symlink_to(Path("candidates") / bundle.name)
    return run


def test_answers_as_the_method_did(bundle, method, texts):
    loaded = load_bundle(bundle)
    asked = [text for text, _ in texts]
    np.testing.assert_array_equal(loaded.predict(asked).probabilities, method.predict_proba(asked))
    assert loaded.name == "tfidf_linear.v1"
    assert loaded.labels == tuple(method.classes_)
    assert loaded.manifest.method_params == {"model": "svc", "C": 1.0}


def test_one_text_instead_of_a_list_is_refused(bundle):
    loaded = load_bundle(bundle)
    with pytest.raises(TypeError, match="Put it in a list"):
        loaded.predict("my card never came")
    with pytest.raises(TypeError, match="position 1: expected a text, found NoneType"):
        loaded.predict(["my card", None])
    assert len(loaded.predict([])) == 0


def test_a_run_means_its_best(bundle, tmp_path):
    run = make_run(bundle, tmp_path)
    expected = run / "candidates" / "tfidf_linear.v1"
    for path in (run, run / "best", run / "tfidf_linear.v1", expected, expected / "manifest.json", str(run)):
        assert resolve_bundle(path) == expected.resolve()
    assert load_bundle(run).name == "tfidf_linear.v1"


def test_the_error_of_a_missing_path_suggests_the_nearest(bundle, tmp_path):
    run = make_run(bundle, tmp_path)
    with pytest.raises(CallError, match=f"Did you mean '{run}'"):
        resolve_bundle(tmp_path / "runs" / "bankin")
    with pytest.raises(CallError, match=r"candidates/tfidf_linear\.v1'"):
        resolve_bundle(run / "tfidf_liner.v1")
    with pytest.raises(CallError, match="There is nothing at"):
        resolve_bundle(tmp_path / "nowhere" / "at" / "all")


def test_the_error_of_an_unfinished_run_says_how_to_resume(bundle, tmp_path):
    run = make_run(bundle, tmp_path, best=False)
    with pytest.raises(BundleError, match=r"not finished. Sealed so far: tfidf_linear.v1.*--resume"):
        load_bundle(run)


def test_a_folder_that_is_not_a_bundle_is_refused(bundle, tmp_path):
    with pytest.raises(BundleError, match="neither a bundle"):
        load_bundle(tmp_path)
    with pytest.raises(BundleError, match="is a file"):
        load_bundle(bundle / "README.md")
    (bundle / "manifest.json").unlink()
    with pytest.raises(BundleError, match="not a sealed bundle"):
        load_bundle(bundle)


def test_loads_and_answers_without_torch_and_without_scikit_learn(bundle):
    program = f"""
        import builtins
        real = builtins.__import__
        def without(name, *args, **kwargs):
            if name.partition(".")[0] in ("torch", "transformers", "sklearn", "scipy", "pandas", "pyarrow"):
                raise ImportError(f"{{name}} must not be imported to answer")
            return real(name, *args, **kwargs)
        builtins.__import__ = without
        from metier.bundles import load_bundle
        answers = load_bundle({str(bundle)!r}).predict(["my card never came", "how old must I be?"])
        assert answers.predicted == ["card_arrival", "age_limit"], answers.predicted
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(program)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
