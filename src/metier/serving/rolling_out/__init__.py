"""Roll-outs in a service: a new version answers some callers, or beside the old one, until the evidence decides."""

from metier.serving.rolling_out.live import Following, NoRollOuts, RollsOut
from metier.serving.rolling_out.turns import shadow_of, take_turn

__all__ = ["Following", "NoRollOuts", "RollsOut", "shadow_of", "take_turn"]
