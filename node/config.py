"""Settings of one node: a small TOML file in its folder, every key with a default and a check."""

import json
import os
import tomllib
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

FILE_NAME = "config.toml"
HOME_VARIABLE = "COMMONS_HOME"


class SettingError(Exception):
    """A setting is unknown or out of range; the words name the key."""


@dataclass(frozen=True, slots=True)
class Config:
    """What a member may set. Ports are 0 to let the system choose."""

    listen: tuple[str, ...] = ("/ip4/0.0.0.0/tcp/0",)
    web_port: int = 8470
    discovery: bool = True
    undo_s: float = 10.0
    open_browser: bool = True


def default_folder() -> Path:
    """Return the node's folder: COMMONS_HOME, or the place for a person's data on this system."""
    if wish := os.environ.get(HOME_VARIABLE):
        return Path(wish)
    import platformdirs

    return Path(platformdirs.user_data_dir("commons-node", appauthor=False))


def load(folder: Path) -> Config:
    """Read a folder's settings; defaults where there is no file.

    Raises:
        SettingError: naming the key that is wrong.
    """
    path = folder / FILE_NAME
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return Config()
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as error:
        raise SettingError(f"{path.name} cannot be read: {error}") from error
    return changed(Config(), raw)


def changed(config: Config, wishes: dict[str, Any]) -> Config:
    """Return the settings with some changed.

    Raises:
        SettingError: naming the key that is wrong.
    """
    known = {field.name for field in fields(Config)}
    for key in wishes:
        if key not in known:
            raise SettingError(f"{key} is not a setting; there are {', '.join(sorted(known))}")
    fitted = {key: _fit(key, value) for key, value in wishes.items()}
    return replace(config, **fitted)


def _fit(key: str, value: Any) -> Any:
    if key == "listen":
        values = value if isinstance(value, list | tuple) else [part.strip() for part in str(value).split(",")]
        if not values or not all(isinstance(part, str) and part.startswith("/ip") for part in values):
            raise SettingError("listen takes addresses such as /ip4/0.0.0.0/tcp/0")
        return tuple(values)
    if key == "web_port":
        return _number(key, value, 0, 65535, int)
    if key == "undo_s":
        return _number(key, value, 0, 600, float)
    if isinstance(value, str) and value.lower() in ("true", "false"):
        value = value.lower() == "true"
    if not isinstance(value, bool):
        raise SettingError(f"{key} takes true or false")
    return value


def _number(key: str, value: Any, least: float, most: float, kind: type[int] | type[float]) -> int | float:
    try:
        number = kind(value)
    except (TypeError, ValueError) as error:
        raise SettingError(f"{key} takes a number from {least} to {most}") from error
    if isinstance(value, bool) or not least <= number <= most:
        raise SettingError(f"{key} takes a number from {least} to {most}")
    return number


def save(folder: Path, config: Config) -> None:
    """Write the settings that differ from the defaults."""
    default = asdict(Config())
    lines = [f"{key} = {_toml(value)}\n" for key, value in asdict(config).items() if value != default[key]]
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = folder / f"{FILE_NAME}.new"
    draft.write_text("".join(lines), encoding="utf-8")
    draft.replace(folder / FILE_NAME)


def _toml(value: Any) -> str:
    return json.dumps(list(value) if isinstance(value, tuple) else value)
