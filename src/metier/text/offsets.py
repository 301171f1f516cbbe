"""Where a piece of a text stands."""


def nearest(text: str, piece: str, near: int) -> int | None:
    """Give where a piece of a text begins, of all its places the nearest to a position; None if nowhere."""
    if not piece:
        return None
    near = max(near, 0)
    after = text.find(piece, near)
    before = text.rfind(piece, 0, near + len(piece) - 1) if near else -1
    places = [place for place in (before, after) if place >= 0]
    return min(places, key=lambda place: abs(place - near)) if places else None
