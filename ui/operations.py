"""What can be asked of a node by name: one table that the JSON API serves, its OpenAPI page describes, the CLI calls.

Every operation takes a node and checked parameters and returns JSON-able data. Ids are hex, keys are did:key, times
are ms since the epoch.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from identity.errors import Refused
from node.runtime import Node

Data = dict[str, Any]
Run = Callable[[Node, Data], Awaitable[Data]]
Kind = Literal["string", "integer", "boolean", "array", "object"]


@dataclass(frozen=True, slots=True)
class Param:
    """A parameter: where it is found (path, query or body) and what it means."""

    name: str
    where: Literal["path", "query", "body"]
    about: str
    kind: Kind = "string"
    required: bool = True


@dataclass(frozen=True, slots=True)
class Operation:
    """Something a node does when asked; `path` may hold `{parameters}`."""

    name: str
    method: Literal["GET", "POST", "PATCH", "DELETE"]
    path: str
    about: str
    run: Run
    params: tuple[Param, ...] = ()
    needs_someone: bool = True


_TABLE: dict[str, Operation] = {}
_SHAPES: Mapping[str, type] = {"array": list, "object": dict}


def operation(
    method: Literal["GET", "POST", "PATCH", "DELETE"], path: str, *params: Param, needs_someone: bool = True
) -> Callable[[Run], Run]:
    """Register a function as an operation under its own name; its docstring's first line describes it."""

    def wrap(run: Run) -> Run:
        name = run.__name__
        about = (run.__doc__ or "").split("\n")[0]
        _TABLE[name] = Operation(name, method, path, about, run, params, needs_someone)
        return run

    return wrap


def table() -> Mapping[str, Operation]:
    """Return every operation by name."""
    from ui import (  # noqa: F401 - importing them fills the table
        api_data,
        api_devices,
        api_holons,
        api_law,
        api_moving,
        api_posts,
        api_profiles,
        api_spaces,
        api_upkeep,
    )

    return _TABLE


def checked(op: Operation, given: Mapping[str, Any]) -> Data:
    """Return the parameters of a call, each with its type.

    Raises:
        Refused: naming the parameter that is missing, unknown or of the wrong type.
    """
    known = {param.name for param in op.params}
    for name in given:
        if name not in known:
            raise Refused(f"{op.name} takes no parameter {name!r}")
    values: Data = {}
    for param in op.params:
        value = given.get(param.name)
        if value is None:
            if param.required:
                raise Refused(f"{op.name} needs {param.name}: {param.about}")
            continue
        values[param.name] = _typed(param, value)
    return values


def _typed(param: Param, value: Any) -> Any:
    if param.kind == "string" and isinstance(value, str):
        return value
    if isinstance(value, _SHAPES.get(param.kind, ())):
        return value
    if param.kind == "boolean" and (isinstance(value, bool) or value in ("true", "false")):
        return value in (True, "true")
    if param.kind == "integer":
        if isinstance(value, int) and not isinstance(value, bool):
            return value
        if isinstance(value, str) and value.removeprefix("-").isdecimal() and len(value) < 17:
            return int(value)
    raise Refused(f"{param.name} takes a {param.kind}")


async def perform(node: Node, name: str, given: Mapping[str, Any]) -> Data:
    """Check the parameters of an operation and run it.

    Raises:
        Refused: in words for the member.
    """
    op = table()[name]
    values = checked(op, given)
    if op.needs_someone and not node.is_ready:
        raise Refused("Nobody has said their name here yet: run `commons init`, or open the first page.")
    return await op.run(node, values)


def as_id(text: str, what: str) -> bytes:
    """Read a 32-byte id from hex.

    Raises:
        Refused: if it is none.
    """
    try:
        raw = bytes.fromhex(text)
    except ValueError:
        raw = b""
    if len(raw) != 32:
        raise Refused(f"this is not the id of a {what}")
    return raw
