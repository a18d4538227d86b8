"""A web server on this machine that stands in for the public repositories."""

from __future__ import annotations

import hashlib
import http.server
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType

import pytest

from bayescale.datasets.public import Download, PublicSet, catalogue

Offer = Callable[[str, Mapping[str, bytes]], PublicSet]

_NO_PROXY = ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")


@dataclass(frozen=True)
class Server:
    """The address of the server, its folder, and what was asked of it."""

    url: str
    folder: Path
    asked: list[str]


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """Serve an empty folder on the loopback address."""
    for name in _NO_PROXY:
        monkeypatch.delenv(name, raising=False)
    folder = tmp_path / "served"
    folder.mkdir()
    asked: list[str] = []

    class Handler(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *arguments: object) -> None:
            super().__init__(*arguments, directory=str(folder))  # type: ignore[arg-type]

        def log_message(self, format: str, *arguments: object) -> None:
            asked.append(self.path)

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as httpd:
        thread = threading.Thread(target=httpd.serve_forever, daemon=True)
        thread.start()
        yield Server(f"http://127.0.0.1:{httpd.server_port}", folder, asked)
        httpd.shutdown()
        thread.join()


@pytest.fixture
def offer(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Offer:
    """Put files on the server as those of a public data set, in place of the real ones."""
    monkeypatch.setenv("BAYESCALE_CACHE_DIR", str(tmp_path / "cache"))

    def put(name: str, contents: Mapping[str, bytes]) -> PublicSet:
        downloads = []
        for file, content in contents.items():
            (server.folder / file).write_bytes(content)
            sha256 = hashlib.sha256(content).hexdigest()
            downloads.append(Download(f"{server.url}/{file}", sha256, len(content)))
        offered = replace(catalogue()[name], downloads=tuple(downloads))
        known = MappingProxyType({name: offered})
        monkeypatch.setattr("bayescale.datasets.public.download.catalogue", lambda: known)
        return offered

    return put
