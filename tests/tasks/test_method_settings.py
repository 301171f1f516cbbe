"""From one declaration come constructor, signature, documentation and check of a method."""

import inspect
from typing import Literal

import numpy as np
import pytest
from pydantic import Field
from sklearn.base import BaseEstimator, clone

from metier.errors import SettingsError
from metier.tasks.method_settings import Declares, MethodSettings, with_settings


class Settings(MethodSettings):
    epochs: int = Field(3, ge=1, description="Length of the schedule.")
    stop: int | None = Field(None, ge=1)
    rate: float | None = Field(None, gt=0)
    share: float = Field(0.0, ge=0, lt=1)
    decay: float = Field(0.9, gt=0, le=1)
    confidence: float = Field(0.5, ge=0, le=1)
    coverage: float = Field(0.9, gt=0, lt=1)
    penalty: float = Field(0.0, ge=0)
    precision: Literal["auto", "fp32"] = "auto"
    weights: Literal["balanced"] | None = None

    @classmethod
    def misfits(cls, values):
        stop, epochs = values["stop"], values["epochs"]
        return ["stop is after the end"] if isinstance(stop, int) and stop > epochs else []


@with_settings(Settings)
class Method(BaseEstimator):
    """Learns.

    Attributes
    ----------
    classes_ : ndarray
    """

    name = "method.v1"


def test_the_constructor_is_that_of_scikit_learn():
    method = Method(epochs=np.int64(4), rate=0.1)
    assert clone(method).get_params() == method.get_params()
    assert list(method.get_params()) == sorted(Settings.model_fields)
    parameters = inspect.signature(Method).parameters
    assert {one.kind for one in parameters.values()} == {inspect.Parameter.KEYWORD_ONLY}
    assert (parameters["epochs"].default, parameters["precision"].default) == (3, "auto")
    with pytest.raises(TypeError, match="unexpected keyword argument 'epoch'"):
        Method(epoch=1)
    assert isinstance(Method, Declares)


def test_checked_settings_are_typed():
    settings = Settings.of(Method(epochs=np.int64(4)))
    assert settings.epochs == 4
    assert type(settings.epochs) is int


def test_all_faults_are_told_together():
    method = Method(
        epochs=np.int64(0),
        stop=5,
        rate=0,
        share=1,
        decay=0,
        confidence=2,
        coverage=1,
        penalty=-1,
        precision="x",
    )
    with pytest.raises(SettingsError) as caught:
        Settings.of(method.set_params(weights="heavy"))
    assert str(caught.value).splitlines() == [
        "The settings of method.v1: 10 faults; nothing was started:",
        "  - epochs is 0, expected a whole number above 0",
        "  - rate is 0, expected None or a number above 0",
        "  - share is 1, expected a number from 0 up to but not including 1",
        "  - decay is 0, expected a number above 0 and up to 1",
        "  - confidence is 2, expected a number from 0 to 1",
        "  - coverage is 1, expected a number above 0 and below 1",
        "  - penalty is -1, expected a number from 0 on",
        "  - precision is 'x', expected one of auto, fp32",
        "  - weights is 'heavy', expected None or 'balanced'",
        "  - stop is after the end",
    ]
    assert Settings.faults({"epoch": 3}) == [
        f"epoch is not a setting, expected one of {', '.join(Settings.model_fields)}"
    ]


def test_the_docstring_says_what_each_setting_is():
    assert "epochs : a whole number above 0, default=3\n        Length of the schedule.\n" in Method.__doc__
    assert Method.__doc__.index("Parameters") < Method.__doc__.index("Attributes")
