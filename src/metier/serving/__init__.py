"""The HTTP service over a bundle. Imports neither torch nor scikit-learn, so it starts fast and stays small."""

from metier.serving.app import build_app
from metier.serving.process import run_server
from metier.serving.settings import ServingSettings

__all__ = ["ServingSettings", "build_app", "run_server"]
