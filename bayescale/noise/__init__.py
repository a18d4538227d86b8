"""Noise models: proper densities of the observed loss around the law."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from bayescale import grammar
from bayescale.errors import LawError
from bayescale.noise.huber import Huber
from bayescale.noise.laplace import Laplace
from bayescale.noise.noise import Noise
from bayescale.noise.normal import Normal
from bayescale.noise.student_t import StudentT

__all__ = ["Huber", "Laplace", "Noise", "Normal", "StudentT", "from_json", "get", "names"]

NOISES: dict[str, Callable[..., Noise]] = {
    "student_t": StudentT,
    "normal": Normal,
    "laplace": Laplace,
    "huber": Huber,
}
"""Noise models by name. A new one is one file and one line here."""


def names() -> tuple[str, ...]:
    """Names of the noise models."""
    return tuple(NOISES)


def get(noise: str | Noise) -> Noise:
    """A noise model by name, with numbers where it takes any: ``"huber(1e-3)"``.

    Raises
    ------
    LawError, ExpressionError
        Where there is no such noise model.
    """
    if isinstance(noise, Noise):
        return noise
    node = grammar.parse(noise, "noise", '"student_t" or "huber(1e-3)"')
    match node:
        case grammar.Name(name=name):
            arguments: tuple[Any, ...] = ()
        case grammar.Call(name=name, args=args, kwargs=()):
            arguments = args
        case _:
            name, arguments = noise, ()
    if name not in NOISES:
        raise LawError(f"There is no noise model {name!r}. Choose one of: {', '.join(NOISES)}.")
    try:
        return NOISES[name](*arguments)
    except TypeError:
        raise LawError(
            f"The noise model {name!r} does not take the numbers in {noise!r}. "
            'Only huber takes one, its delta: "huber(1e-3)".'
        ) from None


def from_json(description: dict[str, Any]) -> Noise:
    """Rebuild a noise model from :meth:`Noise.to_json`."""
    options = dict(description)
    name = str(options.pop("name", ""))
    try:
        return NOISES[name](**options)
    except (KeyError, TypeError):
        raise LawError(
            f"There is no noise model {description!r}. Choose one of: {', '.join(NOISES)}."
        ) from None
