"""`GET /`: leads to the page that tries the service."""

from collections.abc import Callable
from typing import Any

from fastapi.responses import RedirectResponse

from metier.serving.endpoints.endpoint import Endpoint, Service


def build_start_page(service: Service) -> Callable[..., Any]:
    """Give the function that leads to /docs."""

    async def start_page() -> RedirectResponse:
        return RedirectResponse("/docs")

    return start_page


START_PAGE = Endpoint("/", build_start_page, options={"include_in_schema": False})
