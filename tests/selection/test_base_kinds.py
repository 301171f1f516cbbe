"""A base a kind: named on a command line, kept in settings, given to the methods of that kind alone."""

import pytest

from metier.errors import CallError, SettingsError
from metier.selection.base_decisions import _check_bases_by_kind
from metier.selection.base_kinds import named_bases
from metier.selection.settings import check_settings


def test_names_of_a_command_line():
    assert named_bases(["minilm", "image=/nets/resnet"]) == {
        "base": "minilm",
        "bases": {"image": "/nets/resnet"},
    }
    assert named_bases(["odd=folder"]) == {"base": "odd=folder"}  # No kind is called so: a folder may be.
    assert named_bases([]) == {}
    assert named_bases(["speech=whisper-tiny-en"]) == {"speech": {"base": "whisper-tiny-en"}}
    with pytest.raises(CallError, match="two models, a and b"):
        named_bases(["image=a", "image=b"])


def test_each_kind_has_its_own_or_the_one_for_all():
    settings = check_settings({"base": "minilm", "bases": {"image": "efficientnet-lite0"}})
    assert [settings.base_that(does) for does in ("reads", "sees")] == ["minilm", "efficientnet-lite0"]
    with pytest.raises(SettingsError, match="bases"):
        check_settings({"bases": {"picture": "x"}})


def test_a_base_that_cannot_do_what_it_is_named_for_is_refused(tiny_vision):
    _check_bases_by_kind(check_settings({"bases": {"image": str(tiny_vision("resnet"))}}))
    with pytest.raises(SettingsError, match=r"the base for image is 'minilm', which reads; give one that sees"):
        _check_bases_by_kind(check_settings({"bases": {"image": "minilm"}}))
