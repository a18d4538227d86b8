"""A claim of a paper, declared: what it says, what it needs, and the question that tests it."""

from __future__ import annotations

from dataclasses import dataclass

from bayescale import laws
from bayescale.claiming.needs import Need
from bayescale.claiming.question import Question
from bayescale.runs import Runs

__all__ = ["CHEN", "KAPLAN", "Claim"]

CHEN = "Chen et al. 2025, arXiv 2507.10613"
KAPLAN = "Kaplan et al. 2020, arXiv 2001.08361"


@dataclass(frozen=True, eq=False)
class Claim:
    """A claim that a table of runs may test.

    Parameters
    ----------
    key : str
        Short name.
    paper : str
    claim : str
        What the paper says, as a sentence.
    quantity : str
        What is looked at.
    published : str
        The paper's number.
    needs : tuple of Need
        What the runs must have.
    question : Question
    """

    key: str
    paper: str
    claim: str
    quantity: str
    published: str
    needs: tuple[Need, ...]
    question: Question

    def missing(self, runs: Runs) -> tuple[str, ...]:
        """What the runs lack, and which laws this version does; empty where it can be tested."""
        known = laws.names()
        own = [law.split("(")[0] for law in self.question.laws]
        absent = [f"the law {name!r} (not in this version)" for name in own if name not in known]
        lacking = [need.missing(runs) for need in self.needs]
        return tuple(dict.fromkeys([text for text in lacking if text] + absent))
