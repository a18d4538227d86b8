"""Public data sets of training runs: where they are, what is wrong with them, how to get them."""

from __future__ import annotations

from bayescale.datasets.public.catalogue import Download, PublicSet, catalogue
from bayescale.datasets.public.download import cache_dir, fetch

__all__ = ["Download", "PublicSet", "cache_dir", "catalogue", "fetch"]
