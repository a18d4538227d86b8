"""Noise models: proper densities of the observed loss around the law."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from bayescale import grammar
from bayescale.errors import LawError
from bayescale.noise.bounded import Bounded
from bayescale.noise.curve import Curve
from bayescale.noise.effects import Effects
from bayescale.noise.heteroscedastic import Heteroscedastic
from bayescale.noise.huber import Huber
from bayescale.noise.inexact import Inexact
from bayescale.noise.laplace import Laplace
from bayescale.noise.measured import Measured
from bayescale.noise.noise import Noise
from bayescale.noise.normal import Normal
from bayescale.noise.one_sided import OneSided
from bayescale.noise.student_t import StudentT

__all__ = [
    "Bounded",
    "Curve",
    "Effects",
    "Heteroscedastic",
    "Huber",
    "Inexact",
    "Laplace",
    "Measured",
    "Noise",
    "Normal",
    "OneSided",
    "StudentT",
    "from_json",
    "get",
    "names",
]

NOISES: dict[str, Callable[..., Noise]] = {
    "student_t": StudentT,
    "normal": Normal,
    "laplace": Laplace,
    "huber": Huber,
    "one_sided": OneSided,
    "heteroscedastic": Heteroscedastic,
    "measured": Measured,
    "inexact": Inexact,
    "effects": Effects,
    "curve": Curve,
    "bounded": Bounded,
}
"""Noise models by name. A new one is one file and one line here."""

EXAMPLE = '"student_t", "huber(1e-3)" or "heteroscedastic(normal)"'


def names() -> tuple[str, ...]:
    """Names of the noise models."""
    return tuple(NOISES)


def get(noise: str | Noise) -> Noise:
    """A noise model by name, with what it takes: ``"huber(1e-3)"``, ``"measured(normal)"``.

    Raises
    ------
    LawError, ExpressionError
        Where there is no such noise model.
    """
    if isinstance(noise, Noise):
        return noise
    return _built(grammar.parse(noise, "noise", EXAMPLE), noise)


def _built(node: grammar.Node, text: str) -> Noise:
    match node:
        case grammar.Name(name=name):
            args: tuple[Any, ...] = ()
            kwargs: dict[str, Any] = {}
        case grammar.Call(name=name):
            args = tuple(_argument(value, text) for value in node.args)
            kwargs = {key: _argument(value, text) for key, value in node.kwargs}
        case _:
            name, args, kwargs = text, (), {}
    if name not in NOISES:
        raise LawError(f"There is no noise model {name!r}. Choose one of: {', '.join(NOISES)}.")
    try:
        return NOISES[name](*args, **kwargs)
    except TypeError:
        raise LawError(
            f"The noise model {name!r} does not take what is given to it in {text!r}. "
            f"Write it like this: {EXAMPLE}."
        ) from None


def _argument(node: grammar.Node, text: str) -> Any:
    """A number, a noise model, or the name of a column."""
    match node:
        case grammar.Name(name=name) if name not in NOISES:
            return name
        case grammar.Name() | grammar.Call():
            return _built(node, text)
    return node


def from_json(description: dict[str, Any]) -> Noise:
    """Rebuild a noise model from :meth:`Noise.to_json`."""
    options = dict(description)
    name = str(options.pop("name", ""))
    try:
        if isinstance(options.get("shape"), dict):
            options["shape"] = from_json(options["shape"])
        return NOISES[name](**options)
    except (KeyError, TypeError):
        raise LawError(
            f"There is no noise model {description!r}. Choose one of: {', '.join(NOISES)}."
        ) from None
