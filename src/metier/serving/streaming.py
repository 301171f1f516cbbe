"""Stream a generated answer as server-sent events: pieces, then the whole text.

    data: {"piece": "Fear"}

    event: done
    data: {"text": "FearNet …", "answered_by": "generator.v1", "latency_ms": 812.4}

If the model fails midway, the status was already sent, so an `event: error` reports it.
"""

import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import aclosing

from metier.errors import MetierError
from metier.serving.messages import write_event
from metier.serving.metrics import log_failure
from metier.serving.refusals import facts_of, our_fault, refusal_of

# Keep proxies from buffering the answer.
NOT_BUFFERED = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}


async def stream_events(
    pieces: AsyncGenerator[str], name: str, *, when_done: Callable[[Sequence[str]], None]
) -> AsyncIterator[str]:
    """Give the events of an answer.

    Parameters
    ----------
    pieces : async generator of str
        Closed when the caller disconnects.
    name : str
        Versioned name of the method that answers.
    when_done : callable
        Told who answered, once the answer is whole.
    """
    begun, text = time.perf_counter(), ""
    try:
        async with aclosing(pieces):
            async for piece in pieces:
                text += piece
                yield write_event({"piece": piece})
    except Exception as failure:
        refusal = refusal_of(failure) if isinstance(failure, MetierError) else our_fault()
        log_failure(failure)
        yield write_event({"error": facts_of(refusal)}, kind="error")
        return
    when_done([name])
    latency_ms = round(1000 * (time.perf_counter() - begun), 3)
    yield write_event({"text": text, "answered_by": name, "latency_ms": latency_ms}, kind="done")
