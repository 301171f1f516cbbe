"""The flags of the memory of conversations, the same where a writer is served and where it replies once."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import click

from metier.dialogue.memory.conversation_store import ConversationStore, StoreSettings

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]
FIELDS = StoreSettings.model_fields
OPTIONS: tuple[Decorator, ...] = (
    click.option(
        "--memory",
        metavar="FILE",
        type=click.Path(path_type=Path),
        help="Remember conversations in this file, each by its name; a model that writes replies from it.",
    ),
    click.option(
        "--memory-texts",
        type=click.Choice(("masked", "plain")),
        help="Keep turns without their personal data (masked, the default), or as they came.",
    ),
    click.option("--memory-days", type=click.IntRange(min=1), help=FIELDS["days"].description),
)


@dataclass(frozen=True)
class AskedMemory:
    """The memory that the flags name, opened in the process that answers.

    Parameters
    ----------
    path : Path
    settings : StoreSettings
    """

    path: Path
    settings: StoreSettings

    def opened(self) -> ConversationStore:
        """Open the store; raises as it does."""
        return ConversationStore(self.path, self.settings)


def memory_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the flags of the memory."""
    for option in reversed(OPTIONS):
        command = option(command)
    return command


def asked_memory(
    memory: Path | None, memory_texts: Literal["masked", "plain"] | None, memory_days: int | None
) -> AskedMemory | None:
    """Give the memory that the flags ask for; None: none. A store that cannot be used is refused here already.

    Raises
    ------
    CallError, ConversationStoreError
        As `ConversationStore` does.
    """
    given = {"--memory-texts": memory_texts, "--memory-days": memory_days}
    idle = [flag for flag, value in given.items() if value is not None]
    if memory is None:
        if idle:
            raise click.UsageError(
                f"{', '.join(idle)} would do nothing without --memory. Leave that out, or give --memory FILE."
            )
        return None
    asked = AskedMemory(memory, StoreSettings(texts=memory_texts or "masked", days=memory_days))
    asked.opened()
    return asked
