"""The files that pages need: style sheets, fonts, icons and scripts, read once and served under a hashed address.

The address holds a digest of all files together, because they refer to each other by relative names. So a browser
may keep them for ever, and one changed file changes every address. Only names found at the start are answered: a
request never becomes a path on the disk.
"""

from collections.abc import Awaitable, Callable, Mapping
from hashlib import blake2b
from pathlib import Path

from aiohttp import web

FOLDER = Path(__file__).parent / "static"
FOR_EVER = "public, max-age=31536000, immutable"
TYPES = {
    ".css": "text/css",
    ".js": "text/javascript",
    ".svg": "image/svg+xml",
    ".woff2": "font/woff2",
    ".json": "application/json",
}


class Assets:
    """All static files in memory, and the digest that stands in their address."""

    def __init__(self, files: Mapping[str, bytes]) -> None:
        """Take the content of each file by its path relative to the folder, with forward slashes."""
        digest = blake2b(digest_size=8)
        for path, data in sorted(files.items()):
            digest.update(len(path).to_bytes(4, "big") + path.encode() + len(data).to_bytes(8, "big") + data)
        self._files = dict(files)
        self.digest = digest.hexdigest()

    @classmethod
    def read(cls, folder: Path = FOLDER) -> "Assets":
        """Read the files of known kinds below a folder; licence texts stay on the disk."""
        found = (file for file in sorted(folder.rglob("*")) if file.is_file() and file.suffix in TYPES)
        return cls({file.relative_to(folder).as_posix(): file.read_bytes() for file in found})

    def url(self, path: str) -> str:
        """Return the address of a file; a KeyError names a file that does not exist."""
        if path not in self._files:
            raise KeyError(f"no static file is called {path}")
        return f"/static/{self.digest}/{path}"

    def handler(self) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        """Return the handler for ``/static/{digest}/{path:.+}``."""

        async def static_file(request: web.Request) -> web.StreamResponse:
            path = request.match_info["path"]
            data = self._files.get(path)
            if data is None:
                raise web.HTTPNotFound(text="There is no such file.")
            fresh = request.match_info["digest"] == self.digest
            return web.Response(
                body=data,
                content_type=TYPES[Path(path).suffix],
                charset="utf-8" if not path.endswith(".woff2") else None,
                headers={"Cache-Control": FOR_EVER if fresh else "no-store"},
            )

        return static_file


def serve_assets(app: web.Application, assets: Assets) -> None:
    """Answer the static files of an app."""
    app.router.add_get("/static/{digest}/{path:.+}", assets.handler())
