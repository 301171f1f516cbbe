"""Forward passes of which only a part runs: stopped at a module, or with blocks that give what is known already."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch


@dataclass
class StatesHere:
    """The states of the batch that the encoder is reading; None: it has to compute them."""

    states: torch.Tensor | None = None


class _StopError(Exception):
    """Thrown where the rest of a forward pass is not wanted."""

    def __init__(self, what: Any):
        super().__init__()
        self.what = what


def standing_aside(block: Any, here: StatesHere, *, is_last: bool, gives_tuple: bool) -> Callable[..., Any]:
    """Give what a block does while what it gives is known: the last one gives it, those below pass on what came in."""
    computing = block.forward

    def forward(*given: Any, **named: Any) -> Any:
        if here.states is None:
            return computing(*given, **named)
        came_in = given[0] if given else named["hidden_states"]
        states = here.states.to(came_in.device, came_in.dtype) if is_last else came_in
        return (states,) if gives_tuple else states

    return forward


@contextmanager
def standing_in(blocks: Sequence[Any], here: StatesHere, *, gives_tuple: bool) -> Iterator[None]:
    """Let the lowest layers give what is known while something is, and give them back their work afterwards."""
    for block in blocks:
        block.forward = standing_aside(block, here, is_last=block is blocks[-1], gives_tuple=gives_tuple)
    try:
        yield
    finally:
        for block in blocks:
            del block.forward


def given_to(model: Any, encoder: Any, batch: Any) -> dict[str, Any]:
    """Give what a model hands its encoder for a batch; nothing is computed."""
    device = next(encoder.parameters()).device

    def stop(_: Any, given: Any, named: dict[str, Any]) -> None:
        raise _StopError(named)

    handle = encoder.register_forward_pre_hook(stop, with_kwargs=True)
    try:
        named: dict[str, Any] = _stopped(lambda: model(batch.to(device)))
    finally:
        handle.remove()
    return named


def output_of(module: Any, run: Callable[[], Any]) -> Any:
    """Give what a module gives, and compute nothing that comes after."""

    def stop(_: Any, given: Any, output: Any) -> None:
        raise _StopError(output)

    handle = module.register_forward_hook(stop)
    try:
        return _stopped(run)
    finally:
        handle.remove()


def _stopped(run: Callable[[], Any]) -> Any:
    try:
        run()
    except _StopError as stopped:
        return stopped.what
    raise AssertionError("a model that does not run its encoder")
