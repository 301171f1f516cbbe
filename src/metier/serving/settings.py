"""Limits of the service."""

from pydantic import BaseModel, Field


class ServingSettings(BaseModel, frozen=True, extra="forbid"):
    """Limits of a service, which bound its memory and waiting time."""

    threads: int = Field(default=1, ge=1, description="Requests answered at the same time, each on one core.")
    max_waiting: int = Field(
        default=64, ge=0, description="Requests that may wait for a thread; the next gets 503."
    )
    max_rows: int = Field(default=1_000, ge=1, description="Texts in one request.")
    max_characters: int = Field(default=100_000, ge=1, description="Characters in one text.")
    max_body_bytes: int = Field(default=8_000_000, ge=1, description="Bytes of one request's body.")
    stop_timeout_seconds: int = Field(
        default=30, ge=0, description="Time that requests in flight get when stopping."
    )
