"""The verb ``plan``: which runs to train so that a forecast becomes most certain."""

from bayescale.planning.result import Plan, PlannedRun
from bayescale.planning.verb import plan

__all__ = ["Plan", "PlannedRun", "plan"]
