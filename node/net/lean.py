"""Importing a library without those of its own imports that a node never uses.

libp2p imports two HTTP clients for parts of it that this node has no use for: 9 MB of memory and a seventh of the time.
"""

import importlib
import sys
from collections.abc import Collection, Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

UNUSED_BY_LIBP2P = frozenset({"requests", "httpx"})


class _Absent(ModuleType):
    """Stands for a module that is not there: each of its names is an exception that nobody raises."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return type(name, (Exception,), {})


class _Finder(MetaPathFinder, Loader):
    """Finds stand-ins for some packages and everything in them."""

    def __init__(self, names: Collection[str]) -> None:
        self._names = names

    def find_spec(
        self, fullname: str, _path: Sequence[str] | None, _target: ModuleType | None = None
    ) -> ModuleSpec | None:
        known = fullname.partition(".")[0] in self._names
        return ModuleSpec(fullname, self, is_package=True) if known else None

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        return _Absent(spec.name)

    def exec_module(self, module: ModuleType) -> None:
        module.__path__ = []


def import_without(name: str, unused: Collection[str]) -> ModuleType:
    """Import a module; packages of the names in `unused` are left out where nobody has imported them yet.

    Afterwards they can be imported as ever.
    """
    finder = _Finder({each for each in unused if each not in sys.modules})
    sys.meta_path.insert(0, finder)
    try:
        return importlib.import_module(name)
    finally:
        sys.meta_path.remove(finder)
        for known in [known for known, module in sys.modules.items() if isinstance(module, _Absent)]:
            del sys.modules[known]
