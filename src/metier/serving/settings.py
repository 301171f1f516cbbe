"""The limits of a service, which bound its memory and the time that anybody waits for it."""

from pydantic import BaseModel, Field

from metier.serving.access_log import AccessForm
from metier.serving.guards.settings import GuardSettings
from metier.serving.prediction_log.settings import PredictionLogSettings
from metier.serving.reviews.review_policy import ReviewPolicy


class ServingSettings(BaseModel, frozen=True, extra="forbid"):
    """Limits of a service."""

    threads: int = Field(default=1, ge=1, description="Requests answered at the same time, each on one core.")
    workers: int = Field(default=1, ge=1, description="Processes that answer on one port.")
    max_waiting: int = Field(
        default=64, ge=0, description="Requests that may wait for a thread; the next gets 503."
    )
    batching: bool = Field(
        default=True, description="Answer one-row requests that wait together, where that was measured to help."
    )
    cache_entries: int = Field(default=0, ge=0, description="Answers that are kept; 0: none.")
    request_timeout_ms: int = Field(
        default=0, ge=0, description="Time that a request may take, waiting included; 0: as long as it needs."
    )
    traces: bool = Field(default=False, description="Trace each request by OpenTelemetry.")
    max_rows: int = Field(default=1_000, ge=1, description="Most texts in one request.")
    max_characters: int = Field(default=100_000, ge=1, description="Most characters in one text.")
    max_request_characters: int = Field(
        default=2_000_000, ge=1, description="Most characters in all texts of one request."
    )
    max_image_bytes: int = Field(default=5_000_000, ge=1, description="Most bytes of one image in a request.")
    max_request_pixels: int = Field(
        default=100_000_000, ge=1, description="Most pixels in all images of one request."
    )
    max_audio_bytes: int = Field(
        default=5_000_000, ge=1, description="Most bytes of one recording in a request."
    )
    max_audio_seconds: int = Field(
        default=600, ge=1, description="Most seconds of all recordings of one request."
    )
    max_explanation_characters: int = Field(
        default=10_000, ge=1, description="Most characters of a question that is explained."
    )
    max_explanation_answers: int = Field(
        default=2_000, ge=1, description="Most answers that one explanation may take."
    )
    explanation_timeout_seconds: int = Field(
        default=20, ge=1, description="Time that one explanation may take, without waiting."
    )
    max_body_bytes: int = Field(default=8_000_000, ge=1, description="Most bytes of a request's body.")
    max_held_bytes: int = Field(
        default=64_000_000,
        ge=1,
        description="Most bytes of all bodies that are being read or answered at the same time.",
    )
    max_connections: int = Field(
        default=500, ge=1, description="Most open connections; the next closes the one that waits longest."
    )
    header_timeout_seconds: int = Field(
        default=10, ge=1, description="Time that a connection gets to send the headers of a request."
    )
    body_timeout_seconds: int = Field(
        default=30, ge=1, description="Time that a connection gets to send the body of a request."
    )
    send_timeout_seconds: int = Field(
        default=30, ge=1, description="Time that a caller may leave its answer unread."
    )
    stop_timeout_seconds: int = Field(
        default=30, ge=0, description="Time that running requests get to finish on shutdown."
    )
    access_log: AccessForm = Field(
        default="off", description="Log a line for each request: `json`, `common` or `off`."
    )
    guards: GuardSettings = Field(
        default=GuardSettings(), description="What stands between a caller and the model; nothing by default."
    )
    predictions: PredictionLogSettings = Field(
        default=PredictionLogSettings(), description="What is kept of the answers."
    )
    reviews: ReviewPolicy | None = Field(
        default=None, description="Which answers wait for a person; None: none do."
    )

    @property
    def shows_waiting(self) -> bool:
        """Whether callers see the model's answer while it waits for a person."""
        return self.reviews is None or self.reviews.answer == "shown"
