"""Videos: their scenes, what these show, what is said, and one description with time codes."""

from metier.video.description import Description, describe
from metier.video.frames import Scene, scenes

__all__ = ["Description", "Scene", "describe", "scenes"]
