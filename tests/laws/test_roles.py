"""What a parameter is decides its prior, so its role must be one that there is."""

from __future__ import annotations

import pytest

from bayescale import laws
from bayescale.errors import LawError
from bayescale.laws.defaults import default_prior
from bayescale.laws.term import Parameter
from bayescale.prior import Normal


def test_an_unknown_role_is_refused():
    with pytest.raises(LawError, match="role 'exponant'.*Choose one of: floor"):
        Parameter("alpha", "exponant", "1", "a typing slip")


def test_a_shape_brings_its_own_prior():
    term = laws.get("chinchilla").term
    own = Normal(0.0, 1.0)
    assert default_prior(Parameter("w", "shape", "1", "a width", own, False), term) == own
    with pytest.raises(LawError, match="'w'.*no prior"):
        default_prior(Parameter("w", "shape", "1", "a width"), term)


def test_an_expression_names_its_own_inputs():
    with pytest.raises(LawError, match="names its own inputs"):
        laws.get("irreducible + power(N)", input="D")
