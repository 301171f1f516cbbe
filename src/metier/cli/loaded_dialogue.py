"""A dialogue by the flags of `dialogue_options`; found late by `serve`, since reading rows takes packages of its own."""

from pathlib import Path

from metier.bundles.output_filter import OutputFilter
from metier.cli.row_options import named_roles
from metier.dialogue.image_dialogue import DialogueSettings
from metier.dialogue.loading import DialogueBundle, load_dialogue


def loaded_dialogue(
    bundle: Path,
    cases: Path,
    *,
    labeller: Path | None,
    writer: Path | None,
    least_similarity: float,
    text: str | None,
    roles: tuple[str, ...],
    judge: OutputFilter | None = None,
    threads: int = 1,
) -> DialogueBundle:
    """Load the dialogue that the flags name; raises as `load_dialogue` does."""
    return load_dialogue(
        bundle,
        cases,
        labeller=labeller,
        writer=writer,
        judge=judge,
        settings=DialogueSettings(least_similarity=least_similarity),
        threads=threads,
        columns=named_roles(roles) | ({} if text is None else {"text": text}),
    )
