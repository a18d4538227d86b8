"""Tables of training runs: read, checked and described. No JAX here."""

from __future__ import annotations

from bayescale.runs.match import parse_columns
from bayescale.runs.read import read_runs
from bayescale.runs.table import Runs
from bayescale.runs.targets import read_targets
from bayescale.runs.where import Where, parse_where

__all__ = ["Runs", "Where", "parse_columns", "parse_where", "read_runs", "read_targets"]
