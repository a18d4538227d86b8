"""Find a law by its name, or build one from an expression."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from dataclasses import replace
from importlib import import_module

from bayescale.errors import LawError
from bayescale.laws.expression import SYMBOLS, TERMS, parse_term
from bayescale.laws.law import Law

__all__ = ["get", "names", "parse", "register"]

NAMED: dict[str, str] = {
    "power": "single_input",
    "power_floor": "single_input",
    "curve": "curve",
    "m3": "m3",
    "m4": "m4",
    "bnsl": "bnsl",
    "bnsl2": "bnsl",
    "bnsl3": "bnsl",
    "chinchilla": "chinchilla",
    "kaplan": "kaplan",
    "kaplan_floor": "kaplan",
    "skaling": "skaling",
    "subscaling": "subscaling",
    "repetition": "repetition",
    "overfitting": "overfitting_law",
    "dense": "dense",
    "dense_exponent": "dense",
    "dense_effective": "dense",
    "gadre": "gadre",
    "per_otr": "per_otr",
    "isoflop": "isoflop",
    "allocation": "allocation",
    "kaplan_steps": "kaplan_steps",
    "three_term": "three_term",
    "critical_batch": "critical_batch",
    "critical_batch_loss": "critical_batch",
    "critical_batch_data": "critical_batch",
    "shape": "shape_law",
    "loss_to_loss": "loss_to_loss",
    "loss_to_error": "loss_to_error",
    "loss_to_error_sigmoid": "loss_to_error_sigmoid",
    "multi_power": "schedules",
    "annealing": "schedules",
}
"""Named laws and the file of each. A new law is one file and one line here."""

PROCESSES = ("matern", "wiener")
"""What may follow a law's name after a colon; see :mod:`bayescale.discrepancy`."""

_registered: dict[str, Callable[..., Law]] = {}


def names() -> tuple[str, ...]:
    """Names of the laws that :func:`get` knows."""
    return (*NAMED, *_registered)


def register(law: Law) -> Law:
    """Make a user's law known by its name, for saved fits and the command line.

    Raises
    ------
    LawError
        Where the name is taken or is not a plain word.
    """
    if law.name in NAMED:
        raise LawError(f"The name {law.name!r} belongs to a law of bayescale. Choose another.")
    if not law.name.isidentifier():
        raise LawError(f"The law's name {law.name!r} is not a plain word. Choose another.")
    _registered[law.name] = lambda: law
    return law


def get(law: str | Law, input: str | None = None) -> Law:
    """A law by name, or by algebra.

    Parameters
    ----------
    law : str or Law
        A name (``"chinchilla"``), a name with its input for a law of any one input
        (``"power_floor(D)"``), or an expression
        (``"irreducible + power(N) + power(D)*overtraining(D)"``). After a colon may follow a
        process that is fitted beside it, with normal noise: ``"skaling:matern"``. A :class:`Law`
        is returned as is.
    input : str, optional
        The input of a law of any one input; ``x`` unless said.

    Raises
    ------
    LawError, ExpressionError
        Where there is no such law.
    """
    if isinstance(law, Law):
        return law
    if not isinstance(law, str):
        raise LawError(
            f"The law is a {type(law).__name__}. Give a name, an expression or a Law, and the runs "
            "after it."
        )
    text, colon, process = (part.strip() for part in law.partition(":"))
    if colon:
        return _beside(get(text, input), process)
    single = re.fullmatch(r"(\w+)\((\w+)\)", text)
    name, given = (single[1], single[2]) if single else (text, input)
    maker = import_module(f"bayescale.laws.{NAMED[name]}").LAWS[name] if name in NAMED else None
    any_input = maker is not None and "input" in inspect.signature(maker).parameters
    if maker is not None and (single is None or any_input):
        if any_input:
            if given is not None and given not in SYMBOLS:
                raise LawError(f"There is no input {given!r}. Inputs: {', '.join(SYMBOLS)}.")
            return _as_law(maker(given) if given else maker())
        if given is not None:
            raise LawError(
                f"The law {name!r} has fixed inputs, but was given {given!r}. Leave it out."
            )
        return _as_law(maker())
    if input is not None:
        raise LawError(
            f"The law {text!r} names its own inputs, but was given {input!r}. Leave it out."
        )
    if name in _registered and single is None:
        return _registered[name]()
    if re.fullmatch(r"\w+", text) and text not in TERMS:
        raise LawError(
            f"There is no law {text!r}. Laws: {', '.join(names())}; or write one as a sum, e.g. "
            '"irreducible + power(N) + power(D)".'
        )
    return parse(text)


def parse(text: str, name: str | None = None) -> Law:
    """A law from an expression.

    Parameters
    ----------
    text : str
        Such as ``"irreducible + coupled(power(N) + power(D))"``.
    name : str, optional
        Its name; the expression itself unless said.
    """
    term = parse_term(text)
    return Law(name=name or term.expression, term=term, title="a law written by the user")


def _beside(law: Law, process: str) -> Law:
    """The law with the discrepancy that it is fitted with, a process, in its name."""
    if process not in PROCESSES:
        raise LawError(
            f"There is no process {process!r} to go beside the law {law.name!r}. Choose one of: "
            f"{', '.join(PROCESSES)}; or name another discrepancy by its option."
        )
    own = law.noise_priors if law.noise == "normal" else {}
    name = f"{law.name}:{process}"
    return replace(law, name=name, noise="normal", discrepancy=process, noise_priors=own)


def _as_law(law: object) -> Law:
    assert isinstance(law, Law)
    return law
