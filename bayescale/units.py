"""Sizes as people type them (``70B``, ``1.4T``, ``6e23``) and the inputs of scaling laws."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

import numpy as np
import numpy.typing as npt

from bayescale.errors import BayescaleError

__all__ = [
    "INPUTS",
    "InputInfo",
    "coordinate",
    "format_size",
    "is_linear",
    "natural",
    "parse_size",
]

_EXPONENTS = {"k": 3, "K": 3, "M": 6, "B": 9, "G": 9, "T": 12}
_SUFFIXES = ((12, "T"), (9, "B"), (6, "M"), (3, "k"))
_SIZE = re.compile(
    r"(?P<number>[+-]?(?:\d+\.?\d*|\.\d+))(?:(?P<exponent>[eE][+-]?\d+)|(?P<suffix>[kKMBGT]))?",
    re.ASCII,
)
_LONGEST = 64


@dataclass(frozen=True)
class InputInfo:
    """What an input of a law means.

    Parameters
    ----------
    symbol : str
        The name in formulas, such as ``N``.
    meaning : str
        A few words of prose.
    unit : str
        The unit, empty where any scale will do.
    aliases : tuple of str
        Column names read as this input; those longer than one letter in any letter case.
    linear : bool, default False
        Whether laws take the input as it is, so that it may be zero or negative; all others enter
        by their logarithm.
    """

    symbol: str
    meaning: str
    unit: str
    aliases: tuple[str, ...]
    linear: bool = False


def _info(
    symbol: str, meaning: str, unit: str, aliases: str, linear: bool = False
) -> tuple[str, InputInfo]:
    return symbol, InputInfo(symbol, meaning, unit, (*aliases.split(), symbol), linear)


INPUTS: Mapping[str, InputInfo] = MappingProxyType(
    dict(
        [
            _info(
                "N",
                "model parameters",
                "parameters",
                "n_params params parameters num_params n_parameters num_parameters"
                " param_count parameter_count model_params",
            ),
            _info(
                "D",
                "training tokens seen",
                "tokens",
                "d_tokens tokens n_tokens num_tokens train_tokens training_tokens"
                " total_tokens tokens_seen token_count",
            ),
            _info(
                "C",
                "training compute",
                "FLOP",
                "flops compute flop train_flops training_flops total_flops training_compute",
            ),
            _info(
                "U",
                "unique training tokens",
                "tokens",
                "unique_tokens n_unique_tokens num_unique_tokens tokens_unique",
            ),
            _info(
                "M",
                "tokens per parameter, D/N",
                "tokens/parameter",
                "tokens_per_param tokens_per_parameter",
            ),
            _info(
                "B",
                "batch size",
                "tokens",
                "batch_tokens tokens_per_batch tokens_per_step batch_size_tokens",
            ),
            _info(
                "S",
                "optimiser steps",
                "steps",
                "steps step n_steps num_steps train_steps training_steps optimizer_steps",
            ),
            _info("lr", "peak learning rate", "", "learning_rate peak_lr lr_peak max_lr"),
            _info(
                "S1",
                "sum of the learning rate over the steps so far",
                "",
                "lr_sum sum_lr cumulative_lr lr_cumsum",
            ),
            _info("z", "redundancy score", "", "density redundancy", linear=True),
            _info("L", "loss at which something was measured", "loss", "target_loss loss_reached"),
            _info("aspect", "width over depth, d_model/n_layer", "", "aspect_ratio"),
            _info(
                "x",
                "input of a single-input curve",
                "",
                "seen_examples train_examples n_examples num_examples samples_seen",
            ),
        ]
    )
)
"""The inputs of laws by symbol, in the order in which they are shown."""


def coordinate(symbol: str, values: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """What laws take of an input: its logarithm, or itself where it is linear."""
    values = np.asarray(values, dtype=np.float64)
    return values if is_linear(symbol) else np.log(values)


def natural(symbol: str, values: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """An input in its own unit, from its coordinate: the inverse of :func:`coordinate`."""
    values = np.asarray(values, dtype=np.float64)
    return values if is_linear(symbol) else np.exp(values)


def is_linear(symbol: str) -> bool:
    """Whether laws take an input as it is and not by its logarithm."""
    return symbol in INPUTS and INPUTS[symbol].linear


def parse_size(text: str | float) -> float:
    """Read a size such as ``70B``, ``1.4T``, ``300M``, ``12k`` or ``6e23``.

    Parameters
    ----------
    text : str or float
        A plain number, a number with an exponent, or a number with one of the suffixes
        ``k`` or ``K`` (1e3), ``M`` (1e6), ``B`` or ``G`` (1e9) and ``T`` (1e12).

    Returns
    -------
    float
        The value, always finite. A sign is allowed, for inputs that may be negative.

    Raises
    ------
    BayescaleError
        If it is anything else, infinite or not a number.

    Examples
    --------
    >>> parse_size("70B"), parse_size("1.4T")
    (70000000000.0, 1400000000000.0)
    """
    remedy = "Write a plain number, or one with k, M, B or T behind it, such as 70B or 6e23."
    if isinstance(text, str):
        shown = text if len(text) <= _LONGEST else text[: _LONGEST - 3] + "..."
        match = _SIZE.fullmatch(text.strip()) if len(text) <= _LONGEST else None
        if match is None:
            raise BayescaleError(f"{shown!r} is not a size. {remedy}")
        suffix = match["suffix"]
        exponent = f"e{_EXPONENTS[suffix]}" if suffix else (match["exponent"] or "")
        value = float(match["number"] + exponent)
    else:
        shown = f"{text!r}"[:_LONGEST]
        if isinstance(text, bool):
            raise BayescaleError(f"{shown} is not a size. {remedy}")
        try:
            value = float(text)
        except (TypeError, ValueError, OverflowError) as error:
            raise BayescaleError(f"{shown} is not a size. {remedy}") from error
    if not math.isfinite(value):
        raise BayescaleError(f"{shown} is not a finite size. {remedy}")
    return value


def format_size(
    value: float, *, kind: Literal["count", "compute"] = "count", digits: int = 3
) -> str:
    """Write a size for people: ``70B``, ``1.4T``, ``5.9e23``.

    Parameters
    ----------
    value : float
        The size.
    kind : {"count", "compute"}
        Counts from 1e3 to 1e15 take a suffix; compute from 1e4 on takes an exponent.
    digits : int
        Significant digits kept.

    Returns
    -------
    str
        Text that `parse_size` reads back, to the digits kept.

    Examples
    --------
    >>> format_size(7e10), format_size(1.4e12), format_size(5.9e23)
    ('70B', '1.4T', '5.9e23')
    """
    if not math.isfinite(value):
        return str(float(value))
    rounded = float(f"{value:.{max(digits, 1) - 1}e}")
    if not math.isfinite(rounded):
        return repr(float(value))
    value = rounded
    size = abs(value)
    if kind == "count" and 1e3 <= size < 1e15:
        for exponent, suffix in _SUFFIXES:
            if size >= 10.0**exponent:
                return f"{_plain(value / 10.0**exponent, digits)}{suffix}"
    if size == 0 or 1e-3 <= size < 1e4:
        return _plain(value, digits)
    mantissa, _, power = f"{value:.{max(digits, 1) - 1}e}".partition("e")
    if "." in mantissa:
        mantissa = mantissa.rstrip("0").rstrip(".")
    return f"{mantissa}e{int(power)}"


def _plain(value: float, digits: int) -> str:
    """Return `value` without an exponent or trailing zeros."""
    if value == 0:
        return "0"
    decimals = max(digits - 1 - math.floor(math.log10(abs(value))), 0)
    text = f"{value:.{decimals}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
