"""Memory of conversations: turns kept in a file, and brought back into the context by a stated rule."""

from metier.dialogue.memory.conversation_store import ConversationStore, StoreSettings
from metier.dialogue.memory.remembering import Remembering, remembering

__all__ = ["ConversationStore", "Remembering", "StoreSettings", "remembering"]
