"""What a service keeps of its answers, where, and for how long."""

from pathlib import Path

from pydantic import BaseModel, Field

from metier.serving.prediction_log.kept_texts import TextPolicy


class PredictionLogSettings(BaseModel, frozen=True, extra="forbid"):
    """Settings of the store of predictions; without a folder and a database nothing is kept."""

    folder: Path | None = Field(
        default=None, description="Keep answers, for feedback and learning, in this folder."
    )
    database: str | None = Field(
        default=None, description="Keep them in this database instead, a URL as SQLAlchemy writes it."
    )
    texts: TextPolicy = Field(
        default="masked", description="Keep texts without their personal data, none of them, or as they came."
    )
    days: int | None = Field(default=None, ge=1, description="Days after which answers are removed.")

    @property
    def where(self) -> Path | str | None:
        """The folder or the URL; None: nothing is kept."""
        return self.database or self.folder
