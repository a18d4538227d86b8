"""The verb ``allocate``: how to split a budget of compute between parameters and tokens."""

from bayescale.allocation.result import Allocation
from bayescale.allocation.verb import WITHIN, allocate

__all__ = ["WITHIN", "Allocation", "allocate"]
