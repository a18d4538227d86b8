"""The result of ``claims``: what the runs say of each, and what they cannot tell."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any

from bayescale.claiming.answer import Answer
from bayescale.claiming.claim import Claim
from bayescale.errors import BayescaleError
from bayescale.runs import Runs
from bayescale.runs.wording import counted

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Claims"]

NUMBERS = ("median", "lower", "upper", "probability", "log_bayes_factor", "se")


@dataclass(frozen=True, eq=False)
class Claims:
    """Published claims held to a table of runs.

    Parameters
    ----------
    runs : Runs
    tested : mapping of Claim to Answer
        The claims that the runs can test, in order.
    untestable : mapping of Claim to tuple of str
        The others, with what is missing.
    seconds : float
        Wall time, fits among it.
    """

    runs: Runs
    tested: Mapping[Claim, Answer]
    untestable: Mapping[Claim, tuple[str, ...]]
    seconds: float

    def __getitem__(self, key: str) -> Answer:
        for claim, answer in self.tested.items():
            if claim.key == key:
                return answer
        known = ", ".join(claim.key for claim in self.tested) or "none"
        raise BayescaleError(f"There is no answer on a claim {key!r}. Claims tested: {known}.")

    @property
    def ok(self) -> bool:
        """Whether every answer may be vouched for."""
        return all(answer.ok for answer in self.tested.values())

    def table(self) -> pd.DataFrame:
        """One row for each claim, those that cannot be tested last.

        Returns
        -------
        pandas.DataFrame
            ``paper``, ``claim``, ``verdict``, ``quantity``, ``published``; ``median``, ``lower``
            and ``upper`` of the posterior (90 %); ``probability`` of the claim;
            ``log_bayes_factor`` and its ``se``; ``ok``, whether the answer may be vouched for;
            ``sentence``; ``missing``, what a test would need; ``messages``.
        """
        import pandas as pd

        rows: dict[str, dict[str, Any]] = {}
        for claim, answer in self.tested.items():
            rows[claim.key] = {
                **_words(claim, answer.verdict),
                **{name: getattr(answer, name) for name in NUMBERS},
                "ok": answer.ok,
                "sentence": answer.sentence,
                "missing": "",
                "messages": " ".join(answer.messages),
            }
        for claim, missing in self.untestable.items():
            rows[claim.key] = {
                **_words(claim, "not testable"),
                **dict.fromkeys(NUMBERS, float("nan")),
                "ok": True,
                "sentence": "",
                "missing": "; ".join(missing),
                "messages": "",
            }
        return pd.DataFrame.from_dict(rows, orient="index").rename_axis("key")

    def to_json(self) -> dict[str, Any]:
        """The JSON document that ``bayescale claims --json`` prints."""
        out = [
            {
                "key": claim.key,
                **_words(claim, answer.verdict),
                **{name: getattr(answer, name) for name in NUMBERS},
                "ok": answer.ok,
                "sentence": answer.sentence,
                "messages": list(answer.messages),
            }
            for claim, answer in self.tested.items()
        ]
        rest = [
            {"key": claim.key, **_words(claim, "not testable"), "missing": list(missing)}
            for claim, missing in self.untestable.items()
        ]
        document = {"n_runs": len(self.runs), "fingerprint": self.runs.fingerprint}
        return {**document, "tested": out, "untestable": rest}

    def text(self) -> str:
        """Every claim with what the runs say of it, then what they cannot tell."""
        runs = counted(len(self.runs), "run")
        lines = [f"{counted(len(self.tested), 'claim')} that the {runs} can test:"]
        paper = ""
        for claim, answer in self.tested.items():
            if claim.paper != paper:
                paper = claim.paper
                lines.append(f"\n{paper}")
            doubt = "" if answer.ok else " NOT TO BE VOUCHED FOR."
            lines.append(
                f"- {claim.claim} Published: {claim.published}. {answer.verdict.upper()}. "
                f"{answer.sentence}{doubt} {' '.join(answer.messages)}".rstrip()
            )
        if self.untestable:
            lines.append(f"\n{counted(len(self.untestable), 'claim')} that they cannot test:")
            lines += [
                f"- {claim.claim} Missing: {'; '.join(missing)}."
                for claim, missing in self.untestable.items()
            ]
        return "\n".join(lines)

    def plot(self, **options: Any) -> Any:
        """Draw the probability or the Bayes factor of every claim; a matplotlib figure."""
        return import_module("bayescale.plots").plot(self, "claims", **options)

    def __repr__(self) -> str:
        rows = [f"  {c.key}: {a.verdict}" for c, a in list(self.tested.items())[:9]]
        head = f"Claims: {len(self.tested)} tested, {len(self.untestable)} not testable"
        return "\n".join([head, *rows])


def _words(claim: Claim, verdict: str) -> dict[str, Any]:
    return {
        "paper": claim.paper,
        "claim": claim.claim,
        "verdict": verdict,
        "quantity": claim.quantity,
        "published": claim.published,
    }
