"""API reference: `/openapi.json`, and Swagger UI at `/docs`, which loads nothing from other servers."""

from functools import cache
from importlib.resources import files

from litestar import Litestar, MediaType, Request, Response, Router, get
from litestar.datastructures import State
from litestar.params import FromPath

from api.errors import NotFound
from api.http.openapi import document
from api.http.public_path import PUBLIC_PATH

# Swagger UI from the package `swagger-ui-py`, of which only the static files are used.
ASSETS = files("swagger_ui") / "static"
CONTENT_TYPES = {
    "swagger-ui.css": "text/css",
    "swagger-ui-bundle.js": "text/javascript",
    "favicon-32x32.png": "image/png",
}

PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Kinora API</title>
<link rel="icon" href="/docs/favicon-32x32.png">
<link rel="stylesheet" href="/docs/swagger-ui.css">
</head>
<body>
<div id="docs"></div>
<script src="/docs/swagger-ui-bundle.js"></script>
<script src="/docs/start.js"></script>
</body>
</html>
"""

START_SCRIPT = """\
SwaggerUIBundle({
  url: "/openapi.json",
  dom_id: "#docs",
  deepLinking: true,
  displayRequestDuration: true,
  persistAuthorization: false,
  validatorUrl: null,
});
"""

# Swagger UI uses inline styles and data URLs for icons; scripts come only from this server.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "font-src 'self'; media-src 'self' blob:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
CACHE_ONE_DAY = {"Cache-Control": "public, max-age=86400"}


@get("/openapi.json", operation_id="get_openapi", summary="OpenAPI document", include_in_schema=False)
async def get_openapi(request: Request[None, None, State]) -> Response[bytes]:
    """The OpenAPI 3.1 document of this server."""
    return Response(_exported_document(request.app, _public_path(request)), media_type=MediaType.JSON)


@cache
def _exported_document(app: Litestar, public_path: str) -> bytes:
    return document.export_document(app, public_path)


@get("/docs", include_in_schema=False)
async def get_docs(request: Request[None, None, State]) -> Response[str]:
    page = PAGE.replace('"/docs/', f'"{_public_path(request)}/docs/')
    return Response(page, media_type=MediaType.HTML, headers={"Content-Security-Policy": POLICY})


@get("/docs/start.js", include_in_schema=False)
async def get_start(request: Request[None, None, State]) -> Response[str]:
    script = START_SCRIPT.replace('"/openapi', f'"{_public_path(request)}/openapi')
    return Response(script, media_type="text/javascript", headers=CACHE_ONE_DAY)


def _public_path(request: Request[None, None, State]) -> str:
    return str(request.scope.get(PUBLIC_PATH, ""))


@get("/docs/{name:str}", include_in_schema=False)
async def get_asset(name: FromPath[str]) -> Response[bytes]:
    if name not in CONTENT_TYPES:
        raise NotFound
    return Response(_read_asset(name), media_type=CONTENT_TYPES[name], headers=CACHE_ONE_DAY)


@cache
def _read_asset(name: str) -> bytes:
    return (ASSETS / name).read_bytes()


router = Router(
    path="/",
    route_handlers=[get_openapi, get_docs, get_start, get_asset],
    opt={"exclude_from_auth": True, "uncounted": True},
)
