"""Conversations that may hold pictures, answered from labelled cases."""

from metier.dialogue.cases import Case, Cases
from metier.dialogue.image_dialogue import DialogueSettings, ImageDialogue, Reply
from metier.dialogue.messages import Message, read_messages
from metier.dialogue.wording import CitedCase

__all__ = [
    "Case",
    "Cases",
    "CitedCase",
    "DialogueSettings",
    "ImageDialogue",
    "Message",
    "Reply",
    "read_messages",
]
