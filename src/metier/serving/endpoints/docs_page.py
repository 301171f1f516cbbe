"""`GET /docs`: the page that tries the service, vendored Swagger UI, which works offline; `GET /` leads to it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from starlette.staticfiles import StaticFiles

from metier.serving.endpoints.endpoint import Endpoint, Service

VENDOR = Path(__file__).parents[1] / "vendor"
# Only same-origin content. Swagger UI needs inline styles and images from data: URLs.
POLICY = "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; frame-ancestors 'none'"

PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Metier: ask the model</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="/docs/vendor/swagger-ui.css">
</head>
<body>
<div id="page"></div>
<script src="/docs/vendor/swagger-ui-bundle.js"></script>
<script src="/docs/start.js"></script>
</body>
</html>
"""

SCRIPT = """const dark = window.matchMedia("(prefers-color-scheme: dark)");
const follow = () => document.documentElement.classList.toggle("dark-mode", dark.matches);
dark.addEventListener("change", follow);
follow();
SwaggerUIBundle({url: "/openapi.json", dom_id: "#page", validatorUrl: null, deepLinking: true});
"""


def add_docs_page(app: FastAPI) -> None:
    """Serve the page, its script and the vendored files."""

    async def page() -> HTMLResponse:
        return HTMLResponse(PAGE, headers={"Content-Security-Policy": POLICY})

    async def script() -> Response:
        return Response(SCRIPT, media_type="text/javascript")

    app.add_api_route("/docs", page, include_in_schema=False)
    app.add_api_route("/docs/start.js", script, include_in_schema=False)
    app.mount("/docs/vendor", StaticFiles(directory=VENDOR))


def build_start_page(service: Service) -> Callable[..., Any]:
    """Give the function that leads to /docs."""

    async def start_page() -> RedirectResponse:
        return RedirectResponse("/docs")

    return start_page


START_PAGE = Endpoint("/", build_start_page, options={"include_in_schema": False})
