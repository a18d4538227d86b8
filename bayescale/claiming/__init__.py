"""Published claims, declared, and held to runs."""

from bayescale.claiming.answer import Answer
from bayescale.claiming.claim import Claim
from bayescale.claiming.registry import CLAIMS
from bayescale.claiming.result import Claims
from bayescale.claiming.verb import claims

__all__ = ["CLAIMS", "Answer", "Claim", "Claims", "claims"]
