from __future__ import annotations

import re
import socket
from dataclasses import replace

import numpy as np
import pytest

from bayescale import datasets
from bayescale.datasets.public import cache_dir, catalogue
from bayescale.errors import BayescaleError, FileError

POINTS = b"""Model Size,Training FLOP,loss,Pixel
1e8,6e18,3.1,1
2e8,6e18,3.0,1
4e8,6e18,3.2,1
4e8,6e19,2.6,1
8e8,6e19,2.5,1
1.6e9,6e19,2.7,1
1.6e9,6e20,2.2,1
"""
FILE = "svg_extracted_data.csv"


def test_a_set_is_downloaded_once_and_read(offer, server):
    offer("chinchilla", {FILE: POINTS})
    runs = datasets.fetch("chinchilla", all_rows=True)
    assert len(runs) == 7 and runs.count == "total"
    np.testing.assert_allclose(runs["D"], runs["C"] / (6 * runs["N"]))
    assert len(datasets.fetch("chinchilla")) == 2  # without the five points of highest loss
    assert server.asked == [f"/{FILE}"]
    assert (cache_dir() / "chinchilla" / FILE).read_bytes() == POINTS


def test_a_file_put_there_by_hand_is_used(offer, server, tmp_path):
    offer("chinchilla", {FILE: POINTS})
    (tmp_path / "own" / "chinchilla").mkdir(parents=True)
    (tmp_path / "own" / "chinchilla" / FILE).write_bytes(POINTS)
    assert len(datasets.fetch("chinchilla", folder=tmp_path / "own")) == 2
    assert server.asked == []


def test_other_bytes_are_refused(offer, server):
    offer("chinchilla", {FILE: POINTS})
    (server.folder / FILE).write_bytes(POINTS.replace(b"2.7", b"2.8"))
    with pytest.raises(FileError, match=r"not the expected file: its SHA-256 .*fetch again"):
        datasets.fetch("chinchilla")
    assert not (cache_dir() / "chinchilla" / FILE).exists()


def test_a_missing_file(offer, server):
    offer("chinchilla", {FILE: POINTS})
    (server.folder / FILE).unlink()
    with pytest.raises(FileError, match=r"The server refused .*404.* put it at"):
        datasets.fetch("chinchilla")


def test_off_line(offer, server, monkeypatch):
    offered = offer("chinchilla", {FILE: POINTS})
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        closed = f"http://127.0.0.1:{free.getsockname()[1]}"
    unreachable = replace(offered.downloads[0], url=f"{closed}/{FILE}")
    nowhere = {"chinchilla": replace(offered, downloads=(unreachable,))}
    monkeypatch.setattr("bayescale.datasets.public.download.catalogue", lambda: nowhere)
    with pytest.raises(FileError, match=r"cannot be reached .*needs the network once: .*put it at"):
        datasets.fetch("chinchilla")


def test_another_form(offer):
    offer("chinchilla", {FILE: POINTS.replace(b"Model Size", b"Size")})
    with pytest.raises(FileError, match=r"not in the form that is known .*Model Size"):
        datasets.fetch("chinchilla")


def test_an_unknown_name_lists_those_there_are():
    for name in ("chinchila", "", "tiny"):
        with pytest.raises(BayescaleError, match=r"no public data set .*Fetch one of chinchilla, "):
            datasets.fetch(name)


def test_the_catalogue_is_complete():
    public = catalogue()
    assert len(public) >= 10
    for name, entry in public.items():
        assert entry.name == name
        for text in (entry.title, entry.licence, entry.cite, entry.defects):
            assert len(text) >= 3 and "\n" not in text
        assert re.search(r"arXiv \d{4}\.\d{5}", entry.cite)
        for download in entry.downloads:
            assert re.match(
                r"https://raw\.githubusercontent\.com/[\w.-]+/[\w.-]+/[0-9a-f]{40}/", download.url
            )
            assert re.fullmatch(r"[0-9a-f]{64}", download.sha256)
            assert download.size > 0
    hashes = [download.sha256 for entry in public.values() for download in entry.downloads]
    assert len(hashes) == len(set(hashes))
