"""Checks of the inference itself: simulation-based calibration."""

from bayescale.checks.calibration import Calibration
from bayescale.checks.verb import sbc

__all__ = ["Calibration", "sbc"]
