"""Importing a library without those of its own imports that a node never uses.

libp2p imports transports, relays and finders of its own that this node has no use for, and two HTTP clients for them:
20 MB of memory and a third of the time, and code that peers could reach for. aiohttp serves the pages, and brings a
client along that reads every certificate of this machine at once.
"""

import importlib
import sys
from collections.abc import Collection, Sequence
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:  # at run time this would cost a part of what is saved here
    from importlib.abc import Loader

UNUSED_BY_LIBP2P = frozenset(
    {
        "requests", "httpx", "libp2p.bitswap", "libp2p.discovery", "libp2p.relay", "libp2p.security.tls",
        "libp2p.transport.quic", "libp2p.transport.websocket",
    }
)  # fmt: skip
CLIENT_OF_AIOHTTP = frozenset(
    {
        "aiohttp.client", "aiohttp.client_middleware_digest_auth", "aiohttp.client_middlewares", "aiohttp.connector",
        "aiohttp.cookiejar", "aiohttp.resolver", "aiohttp.tracing",
    }
)  # fmt: skip


class _Absent(ModuleType):
    """Stands for a module that is not there: each of its names is an exception that nobody raises."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return _StandIn(name, (Exception,), {"__module__": self.__name__})


class _StandIn(type):
    """Tells what an absent module's name stood for from what a library made itself; whoever uses it hears of that."""

    def __call__(cls, *_args: Any, **_kwargs: Any) -> Any:
        raise RuntimeError(f"{cls.__module__}.{cls.__name__} was left out")


class _Finder:
    """Finds stand-ins for some packages and modules, and everything in them."""

    def __init__(self, names: Collection[str]) -> None:
        self._names = names

    def find_spec(
        self, fullname: str, _path: Sequence[str] | None, _target: ModuleType | None = None
    ) -> ModuleSpec | None:
        known = any(fullname == name or fullname.startswith(f"{name}.") for name in self._names)
        return ModuleSpec(fullname, cast("Loader", self), is_package=True) if known else None

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        return _Absent(spec.name)

    def exec_module(self, module: ModuleType) -> None:
        module.__path__ = []


def import_without(name: str, unused: Collection[str]) -> ModuleType:
    """Import a module; packages or modules named in `unused` are left out where nobody has imported them yet.

    Afterwards they can be imported as ever. The package of a module that was left out hands on its names as soon as
    somebody asks for them.
    """
    finder = _Finder({each for each in unused if each not in sys.modules})
    sys.meta_path.insert(0, finder)
    try:
        return importlib.import_module(name)
    finally:
        sys.meta_path.remove(finder)
        for known in [known for known, module in sys.modules.items() if isinstance(module, _Absent)]:
            del sys.modules[known]
        for package in {each.rpartition(".")[0] for each in unused} & sys.modules.keys():
            _import_later(sys.modules[package])


def _import_later(package: ModuleType) -> None:
    """Take stand-ins out of a package; whoever asks for one of their names gets what it really is."""
    names = vars(package)
    places = {name: value.__module__ for name, value in names.items() if isinstance(value, _StandIn)}
    modules = {name for name, value in names.items() if isinstance(value, _Absent)}
    otherwise = names.get("__getattr__")

    def find(name: str) -> Any:
        if name in modules:
            return importlib.import_module(f"{package.__name__}.{name}")
        if name in places:
            names[name] = getattr(importlib.import_module(places[name]), name)
            return names[name]
        if otherwise is not None:
            return otherwise(name)
        raise AttributeError(f"module {package.__name__!r} has no attribute {name!r}")

    for name in places.keys() | modules:
        del names[name]
    if places or modules:
        names["__getattr__"] = find
