"""``bayescale summary``."""

from __future__ import annotations

from bayescale.cli.common import Json, exit_code, print_json, print_table

__all__ = ["summary"]


def summary(fit: str, /, *, influence: bool = False, json: Json = False) -> int:
    """Show a saved fit: parameters, priors, verdict.

    Example: bayescale summary fit.nc

    Parameters
    ----------
    fit
        A saved fit.
    influence
        Also show how far each run pulls each parameter, strongest first.
    json
        Print one JSON document.
    """
    from bayescale.storage import load

    result = load(fit)
    pulls = None
    if influence:
        pulls = result.influence()
        strength = pulls.drop(columns="residual").abs().max(axis=1)
        pulls = pulls.loc[strength.sort_values(ascending=False).index].head(20)
    if json:
        document = result.to_json()
        document["priors"] = {name: str(prior) for name, prior in result.model.priors.items()}
        if pulls is not None:
            document["influence"] = pulls.reset_index().to_dict(orient="records")
        print_json(document)
    else:
        print(result.text())
        table = result.table()
        table.insert(
            6, "prior", [str(result.model.priors.get(str(name), "")) for name in table.index]
        )
        print_table(table)
        if pulls is not None:
            print("Shift of each parameter, in posterior sd, if the run were left out:")
            print_table(pulls)
    return exit_code(result.diagnosis.ok, result.diagnosis.doubt)
