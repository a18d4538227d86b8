"""Errors and warnings: the first sentence says what is wrong, the second what to do."""

from __future__ import annotations

__all__ = [
    "BayescaleError",
    "BayescaleWarning",
    "ExpressionError",
    "FileError",
    "FitWarning",
    "LawError",
    "PriorError",
    "RunsError",
    "RunsWarning",
]


class BayescaleError(ValueError):
    """Base of every error that bayescale raises on purpose."""


class RunsError(BayescaleError):
    """The table of runs cannot be used as it is."""


class LawError(BayescaleError):
    """A law is unknown, malformed, or does not fit the runs."""


class PriorError(BayescaleError):
    """A prior is malformed or names a parameter that has none."""


class ExpressionError(BayescaleError):
    """A ``--where``, ``--law`` or ``--prior`` expression cannot be read."""


class FileError(BayescaleError):
    """A file cannot be read or written."""


class BayescaleWarning(UserWarning):
    """Base of every warning that bayescale issues."""


class RunsWarning(BayescaleWarning):
    """The runs can be used, but something about them limits what they can tell."""


class FitWarning(BayescaleWarning):
    """A posterior was computed but should not be vouched for."""
