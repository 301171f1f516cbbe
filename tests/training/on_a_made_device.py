"""What trains names its devices: on one that is not the CPU it learns, answers and is exported.

The device is made here, for machines without a GPU: it computes as the CPU does, and refuses what a GPU refuses. A tensor
there is none of the CPU: an operation on tensors of both raises, `numpy` raises, and what a program makes without naming a
device is not there. Of speed, memory and number formats it says nothing.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

import numpy as np
import pytest
import torch
from accelerate.state import AcceleratorState, PartialState
from torch.library import Library
from torch.utils._pytree import tree_flatten, tree_map, tree_map_only
from torch.utils.backend_registration import _DummyBackendModule, _setup_privateuseone_for_python_backend

from metier.bases import precision
from metier.catalogue import resolve
from metier.errors import CallError
from metier.predictors.loading import load_predictor
from metier.training import loop, processes

NAME = "elsewhere"
# What moves tensors between devices; and a GPU takes places in a tensor from the CPU, too.
MOVES = {"aten::copy_", "aten::_to_copy", "aten::_local_scalar_dense", "aten::set_"}
INDEXING = {"aten::index", "aten::index_put_", "aten::index_put", "aten::_index_put_impl_"}


class There(torch.Tensor):
    """A tensor of that device, with its numbers in `held`."""

    held: torch.Tensor

    @staticmethod
    def __new__(cls, held: torch.Tensor) -> "There":
        made = torch.Tensor._make_wrapper_subclass(
            cls,
            held.shape,
            strides=held.stride(),
            storage_offset=held.storage_offset(),
            dtype=held.dtype,
            device=torch.device(NAME, 0),
        )
        made.held = held
        return made

    def __repr__(self, *, tensor_contents=None):
        return f"There({self.held!r})"

    def tolist(self):
        return self.held.tolist()

    @classmethod
    def __torch_dispatch__(cls, operation, types, args=(), kwargs=None):
        return compute(operation, *args, **(kwargs or {}))


def compute(operation, *args, **kwargs):
    """Do an operation on what the tensors hold, and put what comes of it where they are."""
    name = operation.name().partition(".")[0]
    given = [one for one in tree_flatten((args, kwargs))[0] if isinstance(one, torch.Tensor)]
    there = [one for one in given if isinstance(one, There)]
    if there and name not in MOVES | INDEXING:
        strangers = [one for one in given if not isinstance(one, There) and one.dim()]
        if strangers:
            raise RuntimeError(
                f"{name}: tensors on {NAME} and on the CPU, of {[tuple(one.shape) for one in strangers]}"
            )
    target = kwargs.get("device")
    is_there = bool(there) if target is None else torch.device(target).type == NAME
    if target is not None:
        kwargs["device"] = torch.device("cpu")
    kwargs.pop("pin_memory", None)
    owners = {id(one.held): one for one in there}
    found = operation(*tree_map_only(There, held, args), **tree_map_only(There, held, kwargs))

    def placed(one):
        if not isinstance(one, torch.Tensor):
            return one
        if id(one) in owners:  # Changed in place.
            return owners[id(one)]
        if name == "aten::copy_":
            return args[0]
        return There(one) if is_there else one

    return tree_map(placed, found)


def held(tensor: There) -> torch.Tensor:
    """What a tensor holds."""
    return tensor.held


class Backend(_DummyBackendModule):
    """What torch asks of a device's module."""

    def get_amp_supported_dtype(self):
        return [torch.bfloat16]


@cache
def _registered() -> Library:
    _setup_privateuseone_for_python_backend(NAME, backend_module=Backend())
    library = Library("_", "IMPL")
    library.fallback(compute, "PrivateUse1")
    return library


@contextmanager
def other_device() -> Iterator[torch.device]:
    """Give the device; modules that move to it stay the same parameters, as they do on a GPU."""
    _registered()
    before = torch.__future__.get_swap_module_params_on_conversion()
    torch.__future__.set_swap_module_params_on_conversion(True)
    try:
        yield torch.device(NAME, 0)
    finally:
        torch.__future__.set_swap_module_params_on_conversion(before)


TEXTS = ["where is my card", "the card has not come", "what is the rate", "which rate do I get"] * 6
LABELS = ["card", "card", "rate", "rate"] * 6


@pytest.fixture
def trained_elsewhere(monkeypatch):
    """Let loops train on the other device; gives what of a model was there."""
    monkeypatch.setattr(precision, "has_native_bfloat16", lambda: False)
    # Tensors of such a device have no views in inference mode; neither learns.
    monkeypatch.setattr(torch, "inference_mode", torch.no_grad)
    seen = []
    with other_device() as device:

        def elsewhere(mixed_precision):
            AcceleratorState._reset_state(reset_partial_state=True)  # It would not change its device.
            accelerator = processes.accelerator_of(mixed_precision)
            monkeypatch.setitem(PartialState._shared_state, "device", device)
            monkeypatch.setitem(AcceleratorState._shared_state, "device", device)
            assert accelerator.device == device
            return accelerator

        step = loop.Loop._step

        def watched(self, batches):
            seen.append(all(isinstance(weight, There) for weight in self._raw.parameters()))
            return step(self, batches)

        monkeypatch.setattr(loop, "accelerator_of", elsewhere)
        monkeypatch.setattr(loop.Loop, "_step", watched)
        yield seen
        AcceleratorState._reset_state(reset_partial_state=True)


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"adaptation": "top:1"},  # States of the layer below are kept, and put in from the CPU.
        {"adaptation": "lora:4", "objective": "cross_entropy+fgm:1"},
        {"adaptation": "prompt:4", "objective": "supcon:0.3"},
        {"adaptation": "prefix:4", "optimizer": "lion"},
        {"objective": "mixup:0.4", "class_weights": "balanced"},
    ],
    ids=lambda settings: "-".join(map(str, settings.values())) or "full",
)
def test_an_encoder_learns_answers_and_is_exported(trained_elsewhere, small_base, tmp_path, settings):
    method = resolve("encoder.v1")(base=str(small_base), epochs=1, precision="fp32", **settings)
    method.fit(TEXTS, LABELS, validation=(TEXTS[:8], LABELS[:8]))
    assert trained_elsewhere
    assert all(trained_elsewhere)  # Every weight was there, in each step.
    method.export(tmp_path)
    answers = load_predictor(tmp_path).predict(TEXTS[:4])
    np.testing.assert_allclose(answers.probabilities, method.predict_proba(TEXTS[:4]), atol=1e-4)


def test_an_operation_on_tensors_of_two_devices_is_refused():
    with other_device() as device:
        there = torch.ones(2, 3, device=device)
        with pytest.raises(RuntimeError, match="on the CPU"):
            there + torch.ones(2, 3)
        with pytest.raises((RuntimeError, TypeError), match="numpy"):
            there.numpy()
        assert (there + 1).cpu().numpy().sum() == 12


def test_every_process_has_a_gpu_of_its_own_or_is_told_so(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(CallError, match="2 processes train together and this machine has 1 GPUs, one for each"):
        processes.accelerator_of("no")
