"""How the command line reaches a node: by its API while it runs, else by opening its folder."""

import asyncio
import getpass
import http.client
import json
import os
import socket
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

from identity.errors import NetworkError, Refused
from node.config import load
from node.runtime import Node
from ui.operations import Operation, checked, perform, table

API_FILE = "api.json"
PREFIX = "/api/v1"
TIMEOUT_S = 120.0


def call(folder: Path, name: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """Perform an operation on the node of a folder.

    Raises:
        Refused: in words for the member.
        StoreError: if the folder cannot be opened.
    """
    running = read_api_file(folder)
    if running is not None:
        try:
            return _over_http(running, table()[name], given)
        except ConnectionError:
            pass  # it was ended without tidying up; nobody has the folder
    return asyncio.run(_opened(folder, name, given))


def read_api_file(folder: Path) -> tuple[int, str] | None:
    """Return the port and token of a running node's API, if its file is there."""
    try:
        found = json.loads((folder / API_FILE).read_text(encoding="utf-8"))
        return int(found["port"]), str(found["token"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def is_running(folder: Path) -> bool:
    """Tell whether a node of this folder answers."""
    running = read_api_file(folder)
    if running is None:
        return False
    try:
        socket.create_connection(("127.0.0.1", running[0]), TIMEOUT_S).close()
    except OSError:
        return False
    return True


def open_again(folder: Path) -> dict[str, Any] | None:
    """Ask a running node to let one more browser in; None if none is running."""
    running = read_api_file(folder)
    try:
        return _request(running, "POST", f"{PREFIX}/browser", None) if running is not None else None
    except (ConnectionError, NetworkError):
        return None


def ask_passphrase(folder: Path) -> str | None:
    """Return the passphrase of a folder's keys, if they need one and somebody is there to ask."""
    from identity import keyring

    if not keyring.exists(folder) or not keyring.needs_passphrase(folder):
        return None
    if wish := os.environ.get("COMMONS_PASSPHRASE"):
        return wish
    return getpass.getpass("Passphrase: ") if sys.stdin.isatty() else None  # the first page asks for it too


async def _opened(folder: Path, name: str, given: Mapping[str, Any]) -> dict[str, Any]:
    node = Node(folder, load(folder))
    await node.open(ask_passphrase(folder))
    try:
        return await perform(node, name, given)
    finally:
        await node.close()


def _over_http(running: tuple[int, str], op: Operation, given: Mapping[str, Any]) -> dict[str, Any]:
    values = checked(op, given)
    path, query, body = op.path, {}, {}
    for param in op.params:
        if param.name not in values:
            continue
        if param.where == "path":
            path = path.replace(f"{{{param.name}}}", quote(str(values[param.name]), safe=""))
        elif param.where == "query":
            query[param.name] = values[param.name]
        else:
            body[param.name] = values[param.name]
    address = f"{PREFIX}{path}" + (f"?{urlencode(query)}" if query else "")
    return _request(running, op.method, address, body)


def _request(running: tuple[int, str], method: str, address: str, body: dict[str, Any] | None) -> dict[str, Any]:
    port, token = running
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=TIMEOUT_S)
    try:
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        connection.request(method, address, json.dumps(body) if body else None, headers)
        answer = connection.getresponse()
        data: dict[str, Any] = json.loads(answer.read() or b"{}")
    except (http.client.HTTPException, TimeoutError, ValueError) as error:
        raise NetworkError(f"the running node did not answer: {error}") from error
    finally:
        connection.close()
    if answer.status >= 400:
        raise Refused(str(data.get("error", answer.reason)))
    return data
