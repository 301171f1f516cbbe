"""Offsets of a substring."""


def nearest(text: str, piece: str, near: int) -> int | None:
    """Give the start of the occurrence of a substring nearest to a position; None without an occurrence."""
    if not piece:
        return None
    near = max(near, 0)
    after = text.find(piece, near)
    before = text.rfind(piece, 0, near + len(piece) - 1) if near else -1
    starts = [start for start in (before, after) if start >= 0]
    return min(starts, key=lambda start: abs(start - near)) if starts else None
