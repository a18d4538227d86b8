"""The algebra from Python, and a user's own terms in a few lines."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest

from bayescale import laws, prior
from bayescale.errors import LawError
from bayescale.laws import Coupled, Irreducible, Modifier, OverTraining, Parameter, Power, Term
from bayescale.laws.loss_to_error import Approach


@dataclass(frozen=True)
class Decay(Term):
    """A contribution that falls exponentially: A exp(-r x)."""

    inputs = ("x",)
    parameters = (
        Parameter("T", "contribution", "loss", "contribution at the reference"),
        Parameter("r", "rate", "1/x", "rate of decay", prior.LogNormal(1.0, 1.0)),
    )
    expression = "decay(x)"

    def log_value(self, params: Any, x: Any, reference: Any) -> Any:
        return jnp.log(params["T"]) - params["r"] * (jnp.exp(x["x"]) - jnp.exp(reference["x"]))

    def to_field(self, params: Any, reference: Any, log_gain: Any = 0.0) -> dict[str, Any]:
        gain = jnp.exp(log_gain + params["r"] * jnp.exp(reference["x"]))
        return {"A": params["T"] * gain, "r": params["r"]}

    def from_field(self, field: Any, reference: Any, log_gain: Any = 0.0) -> dict[str, Any]:
        gain = jnp.exp(log_gain + field["r"] * jnp.exp(reference["x"]))
        return {"T": field["A"] / gain, "r": field["r"]}


@dataclass(frozen=True)
class Density(Modifier):
    """A redundancy score z of the corpus makes the data term larger: exp(kappa z)."""

    inputs = ("z",)
    parameters = (
        Parameter("kappa", "rate", "1", "effect of z", prior.Normal(0.0, 0.5), positive=False),
    )
    expression = "density(z)"

    def log_factor(self, params: Any, x: Any) -> Any:
        return params["kappa"] * x["z"]


def test_a_users_term() -> None:
    law = laws.Law(name="decay", term=Irreducible() + Decay())
    x = np.linspace(0.1, 4.0, 20)
    loss = law.loss({"x": x}, {"E": 1.5, "A": 2.0, "r": 0.8})
    np.testing.assert_allclose(loss, 1.5 + 2.0 * np.exp(-0.8 * x), rtol=1e-12)
    assert law.inputs == ("x",)
    assert law.field_names == ("E", "A", "r")
    assert [p.name for p in law.parameters] == ["E", "T", "r"]
    assert all(isinstance(p.prior, prior.Prior) for p in law.parameters)
    assert law.priors["T"].is_relative  # from its role
    assert law.priors["r"] == prior.LogNormal(1.0, 1.0)  # its own


@pytest.mark.parametrize("kappa", [-0.4, 0.0, 0.7])
def test_a_users_modifier_with_a_signed_parameter(kappa: float) -> None:
    law = laws.Law(name="dense", term=Irreducible() + Power("N") + Power("D") * Density())
    assert law.inputs == ("N", "D", "z")
    p = {"E": 1.6, "A": 400.0, "alpha": 0.34, "B": 500.0, "beta": 0.29, "kappa": kappa}
    z = np.array([0.47, 0.56, 0.64])
    loss = law.loss({"N": 1e9, "D": 2e10, "z": z}, p)
    expected = 1.6 + 400.0 / 1e9**0.34 + 500.0 / 2e10**0.29 * np.exp(kappa * z)
    np.testing.assert_allclose(loss, expected, rtol=1e-12)
    law.with_priors(kappa=prior.Normal(0.0, 1.0), beta=prior.Normal(0.3, 0.1))


def test_a_users_term_inside_the_algebra() -> None:
    law = laws.Law(name="mixed", term=Irreducible() + Coupled(Decay() + Power("D")))
    p = {"E": 1.0, "A": 2.0, "r": 0.5, "B": 3.0, "beta": 0.2, "k": 0.7}
    loss = law.loss({"x": 1.5, "D": 1e6}, p)
    assert float(loss) == pytest.approx(
        1.0 + (2.0 * np.exp(-0.75) + 3.0 / 1e6**0.2) ** 0.7, rel=1e-12
    )


def test_terms_add_and_modifiers_multiply() -> None:
    with pytest.raises(LawError, match="Multiply a term"):
        Power("N") + OverTraining("N")  # type: ignore[operator]
    with pytest.raises(LawError, match="only be multiplied by a modifier"):
        Power("N") * Power("D")  # type: ignore[operator]
    with pytest.raises(LawError, match="only be multiplied by a modifier"):
        Power("N") * 2.0  # type: ignore[operator]
    with pytest.raises(TypeError):
        Power("N") + 2.0  # type: ignore[operator]


def test_sums_are_flat_in_any_bracketing() -> None:
    a, b, c = Irreducible(), Power("N"), Power("D")
    assert (a + b) + c == a + (b + c)


def test_a_floor_stays_outside() -> None:
    with pytest.raises(LawError, match="floor"):
        Coupled(Irreducible() + Power("N"))
    with pytest.raises(LawError, match="floor"):
        (Irreducible() + Power("N")) * OverTraining("N")


@pytest.mark.parametrize(
    "make",
    [
        lambda: Power("N", form="log"),
        lambda: Power("N", exponent=0.0),
        lambda: Power("N", exponent=float("nan")),
        lambda: Power("N", level="two words"),
        lambda: Power("N", field="alpha"),
        lambda: Irreducible("E 0"),
        lambda: Coupled(Power("N"), k="k-1"),
        lambda: Coupled(Power("N"), role="floor"),
        lambda: Coupled(Power("N"), inner="D"),
        lambda: OverTraining("N", strength=-0.5),
        lambda: OverTraining("N", rate="k N"),
    ],
)
def test_terms_refuse_bad_options(make: Any) -> None:
    with pytest.raises(LawError):
        make()


@pytest.mark.parametrize(
    "term",
    [
        Power("N") + Power("N"),
        Power("N") + Power("N", level="T_2", exponent="alpha2"),
        Power("N") + Power("D", exponent="T_N"),
        Power("N", per="gone"),
        Irreducible() + Irreducible() + Power("N"),
    ],
)
def test_laws_refuse_terms_that_share_an_amplitude_or_refer_to_nothing(term: Term) -> None:
    with pytest.raises(LawError):
        laws.Law(name="bad", term=term)


def test_exponents_are_tied_only_on_purpose() -> None:
    """One name in two terms is refused where it would mean two things."""
    with pytest.raises(LawError, match="'alpha'"):
        laws.Law(name="tied", term=Power("N") + Power("D", exponent="alpha"))


@pytest.mark.parametrize("outer", [lambda t: Coupled(t), lambda t: t * OverTraining("D")])
def test_what_a_term_takes_of_the_table_or_cannot_say_is_so_inside_another(outer: Any) -> None:
    inner = Approach("L")
    columns = {"L": np.array([2.0, 3.0, 4.0]), "N": np.ones(3), "D": np.ones(3)}
    term = outer(inner)
    assert term.reference_point(columns) == inner.reference_point(columns) != {}
    reference = {"L": np.log(3.0), "N": 0.0, "D": 0.0, **term.reference_point(columns)}
    params = {"T_L": 0.2, "H": 0.3, "omega": 0.1, "k": 0.5, "rho": 0.1, "k_D": 1.0, "k_N": 1.0}
    x = {"L": np.log([0.5, 3.0]), "N": np.zeros(2), "D": np.zeros(2)}
    assert np.asarray(term.undefined(params, x, reference)).tolist() == [True, False]
