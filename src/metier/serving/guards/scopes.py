"""What a key may do: scopes, roles that bundle them, and the scope that each path of the service asks for."""

from collections.abc import Iterable

from metier.errors import UnknownNameError

SCOPES = ("predict", "explain", "feedback", "review", "metrics", "push", "admin")
ROLES = {
    "reader": ("predict", "explain"),
    "operator": ("predict", "explain", "feedback", "metrics"),
    "reviewer": ("review",),
    "admin": SCOPES,
}
# Probes carry no key, and a browser cannot send one with a page; none of these says anything of a model's answers.
OPEN = frozenset(
    {"/", "/healthz", "/readyz", "/ping", "/docs", "/openapi.json", "/v2/health/live", "/v2/health/ready"}
)
OPEN_BELOW = "/docs/"
# The first that fits counts; whatever is not named asks for `predict`.
SCOPE_OF = (
    ("/metrics", "metrics"),
    ("/v1/explain", "explain"),
    ("/v1/feedback", "feedback"),
    ("/v1/reviews", "review"),
    ("/v1/predictions", "admin"),
    ("/v1/admin", "admin"),
    ("/v2/repository", "admin"),
)
DEFAULT = "predict"


def scope_of(path: str) -> str | None:
    """Give the scope that a path asks for; None: it is open to everybody."""
    if path in OPEN or path.startswith(OPEN_BELOW):
        return None
    return next((scope for start, scope in SCOPE_OF if path == start or path.startswith(f"{start}/")), DEFAULT)


def scopes_of(names: Iterable[str]) -> tuple[str, ...]:
    """Give the scopes that are meant by names of scopes and roles, in the order of `SCOPES`.

    Raises
    ------
    UnknownNameError
        If one is neither.
    """
    wanted: set[str] = set()
    for name in names:
        if name not in SCOPES and name not in ROLES:
            raise UnknownNameError("scope or role", name, known=(*SCOPES, *ROLES))
        wanted.update(ROLES.get(name, (name,)))
    return tuple(scope for scope in SCOPES if scope in wanted)
