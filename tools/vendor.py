"""Fetch the vendored files, or check them: python tools/vendor.py [--check].

Fetching runs `npm pack` for every package of vendor.toml, compares the archive with npm's integrity value
(and with the one locked before, if the version is the same), unpacks only the files asked for, and writes
VENDORED.json. Checking needs no network: every listed file must be there with its sha256, and no other file
beside them.
"""

import argparse
import base64
import hashlib
import json
import subprocess
import sys
import tarfile
import tempfile
import tomllib
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
WISHES = ROOT / "tools" / "vendor.toml"
LOCK = ROOT / "tools" / "VENDORED.json"

Lock = dict[str, dict[str, Any]]


def sha256(data: bytes) -> str:
    """Return the hex SHA-256 of some bytes."""
    return hashlib.sha256(data).hexdigest()


def integrity_of(archive: bytes) -> str:
    """Return npm's integrity value of an archive: its SHA-512 in base64."""
    return "sha512-" + base64.b64encode(hashlib.sha512(archive).digest()).decode()


def faults(lock: Lock, root: Path) -> list[str]:
    """Return a sentence for every vendored file that is missing, altered or unlisted."""
    listed = {path: entry["sha256"] for package in lock.values() for path, entry in package["files"].items()}
    found = []
    for path, digest in sorted(listed.items()):
        file = root / path
        if not file.is_file():
            found.append(f"{path} is missing")
        elif sha256(file.read_bytes()) != digest:
            found.append(f"{path} is not the file that was vendored")
    for folder in sorted({package["into"] for package in lock.values()}):
        inside = {file.relative_to(root).as_posix() for file in (root / folder).rglob("*") if file.is_file()}
        found += [f"{path} is not listed in VENDORED.json" for path in sorted(inside - set(listed))]
    return found


def pack(spec: str, folder: Path) -> tuple[bytes, str]:
    """Let npm download a package into a folder; return its archive and the integrity value npm names."""
    command = ["npm", "pack", "--json", "--ignore-scripts", "--pack-destination", str(folder), spec]
    told = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    package = told[0] if isinstance(told, list) else next(iter(told.values()))
    return (folder / package["filename"]).read_bytes(), package["integrity"]


def unpack(archive: Path, name: str, wish: dict[str, Any], root: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """Write the wished files of an archive; return their lock entries and the package's own description."""
    entries: dict[str, Any] = {}
    with tarfile.open(archive) as tar:

        def read(path: str) -> bytes:
            member = tar.extractfile(f"package/{path}")
            if member is None:
                raise SystemExit(f"{name}: {path} is not a file of the package")
            return member.read()

        for path in wish["files"]:
            data = read(path)
            target = root / wish["into"] / name / Path(path).name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(data)
            entries[target.relative_to(root).as_posix()] = {
                "from": path,
                "bytes": len(data),
                "sha256": sha256(data),
            }
        return entries, json.loads(read("package.json"))


def fetch(wishes: Lock, known: Lock, root: Path) -> Lock:
    """Fetch every package, write its files, and return the new lock."""
    lock: Lock = {}
    for name, wish in wishes.items():
        with tempfile.TemporaryDirectory() as scratch:
            data, promised = pack(wish["npm"], Path(scratch))
            integrity = integrity_of(data)
            if integrity != promised:
                raise SystemExit(f"{name}: the archive does not match npm's integrity value")
            before = known.get(name, {})
            if before.get("npm") == wish["npm"] and before.get("integrity") != integrity:
                raise SystemExit(f"{name}: the archive changed since it was locked")
            archive = next(Path(scratch).glob("*.tgz"))
            files, about = unpack(archive, name, wish, root)
        lock[name] = {
            "npm": wish["npm"],
            "version": about["version"],
            "licence": about.get("license", "see its LICENSE file"),
            "integrity": integrity,
            "into": wish["into"],
            "files": files,
        }
    return lock


def read_lock() -> Lock:
    """Return what VENDORED.json lists, or nothing where it does not exist yet."""
    return json.loads(LOCK.read_text(encoding="utf-8")) if LOCK.exists() else {}


def main() -> int:
    """Fetch or check; the exit code is 0 when every file matches."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--check", action="store_true", help="only compare the files with VENDORED.json, offline")
    if not parser.parse_args().check:
        lock = fetch(tomllib.loads(WISHES.read_text(encoding="utf-8")), read_lock(), ROOT)
        LOCK.write_text(json.dumps(lock, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    found = faults(read_lock(), ROOT)
    print("\n".join(found) if found else "all vendored files match")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
