"""What pages and the API ask of profiles and consents. Runs in the database's thread, on a bare connection."""

import sqlite3
from collections.abc import Iterable

from node.domain.consents import ConsentRow
from node.domain.profiles import SOME, FieldRow

_FIELDS = f"SELECT {', '.join(FieldRow._fields)} FROM profile"
_CONSENTS = f"SELECT {', '.join(ConsentRow._fields)} FROM consent"


def fields_of(connection: sqlite3.Connection, space: int, person: bytes) -> list[FieldRow]:
    """Return what a person says of themselves in a space, as far as it is not sealed."""
    rows = connection.execute(f"{_FIELDS} WHERE space = ? AND person = ? ORDER BY field", (space, person))
    return [FieldRow(*row) for row in rows]


def sealed_fields(connection: sqlite3.Connection, space: int, person: bytes) -> list[FieldRow]:
    """Return the fields that a person seals to some devices."""
    sql = f"{_FIELDS} WHERE space = ? AND person = ? AND audience = ? ORDER BY field"
    return [FieldRow(*row) for row in connection.execute(sql, (space, person, SOME))]


def plain_fields(connection: sqlite3.Connection, space: int, names: Iterable[str]) -> list[FieldRow]:
    """Return the fields of these names that everybody in a space may read."""
    sql = f"{_FIELDS} WHERE space = ? AND field IN (SELECT value FROM json_each(?)) AND value != ''"
    listed = "[" + ",".join(f'"{name}"' for name in names) + "]"
    return [FieldRow(*row) for row in connection.execute(sql, (space, listed))]


def consents_of(connection: sqlite3.Connection, space: int, person: bytes) -> list[ConsentRow]:
    """Return everything that a person consented to in a space, withdrew, or was asked for."""
    rows = connection.execute(f"{_CONSENTS} WHERE space = ? AND person = ?", (space, person))
    return [ConsentRow(*row) for row in rows]


def consents_asked_by(connection: sqlite3.Connection, space: int, person: bytes) -> list[ConsentRow]:
    """Return the consents that others gave, withdrew or owe towards one person."""
    rows = connection.execute(f"{_CONSENTS} WHERE space = ? AND by = ?", (space, person))
    return [ConsentRow(*row) for row in rows]


def consents_to(connection: sqlite3.Connection, space: int, use: str) -> dict[bytes, dict[bytes, ConsentRow]]:
    """Return what people said to one use: by subject, then by whom it is towards."""
    found: dict[bytes, dict[bytes, ConsentRow]] = {}
    for row in connection.execute(f"{_CONSENTS} WHERE space = ? AND use = ?", (space, use)):
        consent = ConsentRow(*row)
        found.setdefault(consent.person, {})[consent.by] = consent
    return found
