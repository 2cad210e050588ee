"""The vendored files are the ones that were fetched and checked."""

import copy
import importlib.util
import json
import shutil
import tomllib
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def vendor() -> ModuleType:
    """tools/vendor.py as a module: tools is no package."""
    spec = importlib.util.spec_from_file_location("vendor_tool", ROOT / "tools" / "vendor.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_vendored_file_matches_its_hash_and_none_is_unlisted(vendor: ModuleType) -> None:
    assert vendor.faults(vendor.read_lock(), ROOT) == []


def test_every_package_names_its_licence_version_and_integrity(vendor: ModuleType) -> None:
    for name, package in vendor.read_lock().items():
        assert package["integrity"].startswith("sha512-"), name
        assert package["licence"], name
        assert package["npm"].endswith("@" + package["version"]), name
        assert any(Path(path).name.startswith("LICENSE") for path in package["files"]), name


def test_an_altered_a_missing_and_an_unlisted_file_are_each_named(vendor: ModuleType, tmp_path: Path) -> None:
    lock = {"htmx": copy.deepcopy(vendor.read_lock()["htmx"])}
    folder = tmp_path / "ui/static/vendor"
    shutil.copytree(ROOT / "ui/static/vendor", folder)
    (folder / "htmx/htmx.min.js").write_text("altered")
    (folder / "htmx/LICENSE").unlink()
    (folder / "htmx/more.js").write_text("more")

    found = vendor.faults(lock, tmp_path)

    assert found == [
        "ui/static/vendor/htmx/LICENSE is missing",
        "ui/static/vendor/htmx/htmx.min.js is not the file that was vendored",
        "ui/static/vendor/htmx/more.js is not listed in VENDORED.json",
    ]


def test_the_list_of_wishes_and_the_lock_name_the_same_packages(vendor: ModuleType) -> None:
    wishes = tomllib.loads(vendor.WISHES.read_text())

    assert {name: wish["npm"] for name, wish in wishes.items()} == {
        name: package["npm"] for name, package in json.loads(vendor.LOCK.read_text()).items()
    }
