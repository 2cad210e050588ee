"""The JSON API at /api/v1: every operation of the table, described by OpenAPI 3.1."""

import json
from typing import Any

from aiohttp import web

from identity.errors import CommonsError, Refused, StoreError
from node.runtime import Node
from ui.client import PREFIX
from ui.operations import Operation, perform, table
from ui.version import VERSION

MAX_JSON_BYTES = 1024 * 1024


def add_api(app: web.Application, node: Node) -> None:
    """Serve every operation, and their description."""
    for op in table().values():
        app.router.add_route(op.method, PREFIX + op.path, _handler(node, op))
    description = json.dumps(openapi())

    async def describe(_request: web.Request) -> web.Response:
        return web.Response(text=description, content_type="application/json")

    app.router.add_get(f"{PREFIX}/openapi.json", describe)


def _handler(node: Node, op: Operation) -> Any:
    async def handle(request: web.Request) -> web.Response:
        try:
            given = {**request.match_info, **request.query, **await _body(request)}
            return web.json_response(await perform(node, op.name, given))
        except Refused as error:
            return web.json_response({"error": str(error), "kind": "Refused"}, status=422)
        except StoreError as error:
            return web.json_response({"error": str(error), "kind": "StoreError"}, status=503)
        except CommonsError as error:
            return web.json_response({"error": str(error), "kind": type(error).__name__}, status=400)

    return handle


async def _body(request: web.Request) -> dict[str, Any]:
    """Return the JSON object of a request's body.

    Raises:
        Refused: if it is something else, or too large.
    """
    if not request.body_exists:
        return {}
    raw = await request.content.read(MAX_JSON_BYTES + 1)
    if len(raw) > MAX_JSON_BYTES:
        raise Refused("this request is too large")
    try:
        body = json.loads(raw or b"{}")
    except (ValueError, RecursionError) as error:
        raise Refused("the body of this request is not JSON") from error
    if not isinstance(body, dict):
        raise Refused("the body of this request is not a JSON object")
    return body


def openapi() -> dict[str, Any]:
    """Return the API's description in OpenAPI 3.1."""
    paths: dict[str, Any] = {}
    for op in table().values():
        paths.setdefault(PREFIX + op.path, {})[op.method.lower()] = _describe(op)
    return {
        "openapi": "3.1.0",
        "info": {"title": "commons node", "version": VERSION, "description": "One member's own node."},
        "servers": [{"url": "/"}],
        "security": [{"token": []}],
        "paths": paths,
        "components": {
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
            "schemas": {
                "Error": {
                    "type": "object", "required": ["error", "kind"],
                    "properties": {"error": {"type": "string"}, "kind": {"type": "string"}},
                }
            },
        },
    }  # fmt: skip


def _describe(op: Operation) -> dict[str, Any]:
    error = {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}}}
    description: dict[str, Any] = {
        "operationId": op.name,
        "summary": op.about,
        "parameters": [
            {"name": p.name, "in": p.where, "required": p.required or p.where == "path", "description": p.about,
             "schema": {"type": p.kind}}
            for p in op.params if p.where != "body"
        ],
        "responses": {
            "200": {"description": "Done", "content": {"application/json": {"schema": {"type": "object"}}}},
            "401": {"description": "The token is missing or wrong"},
            "422": {"description": "Refused, in words for the member", **error},
            "503": {"description": "The folder cannot be written", **error},
        },
    }  # fmt: skip
    fields = [p for p in op.params if p.where == "body"]
    if fields:
        schema = {
            "type": "object", "additionalProperties": False,
            "required": [p.name for p in fields if p.required],
            "properties": {p.name: {"type": p.kind, "description": p.about} for p in fields},
        }  # fmt: skip
        description["requestBody"] = {"required": True, "content": {"application/json": {"schema": schema}}}
    return description
