"""``bayescale laws``."""

from __future__ import annotations

from typing import Any

from bayescale.cli.common import Json, print_json, print_table

__all__ = ["laws"]


def laws(name: str | None = None, /, *, json: Json = False) -> int:
    """List the laws, or show one: formula, inputs, parameters, priors, presets, source.

    Example: bayescale laws chinchilla

    Parameters
    ----------
    name
        A law's name, or a sum of terms.
    json
        Print one JSON document.
    """
    import pandas as pd

    from bayescale import laws as library

    if name is None:
        found = [library.get(known) for known in library.names()]
        if json:
            print_json([_describe(law) for law in found])
        else:
            rows = {law.name: {"formula": law.formula, "source": law.source} for law in found}
            table = pd.DataFrame.from_dict(rows, orient="index").rename_axis("law")
            print_table(table)
            print("One law: bayescale laws chinchilla. The power laws take any input: power(C).")
        return 0
    law = library.get(name)
    if json:
        print_json(_describe(law))
        return 0
    print(f"{law.name}: {law.title}\n  {law.formula or law.expression}")
    print(f"  as terms: {law.expression}\n  inputs: {', '.join(law.inputs)}")
    print(f"  field parameters: {', '.join(law.field_names)}")
    if law.source:
        print(f"  source: {law.source}")
    if law.notes:
        print(f"  note: {law.notes}")
    rows = {
        p.name: {"prior": str(p.prior), "unit": p.unit, "meaning": p.meaning}
        for p in law.parameters
    }
    print_table(pd.DataFrame.from_dict(rows, orient="index").rename_axis("sampled parameter"))
    for preset, published in law.presets.items():
        numbers = ", ".join(f"{k} {v:.6g}" for k, v in published.values.items())
        errors = ", ".join(f"{k} {v:.3g}" for k, v in published.se.items())
        print(f"preset {preset}: {numbers}")
        print(f"  {published.source}; N counted: {published.count}")
        if errors:
            print(f"  published standard errors: {errors}")
    return 0


def _describe(law: Any) -> dict[str, Any]:
    return {
        "name": law.name,
        "title": law.title,
        "formula": law.formula or law.expression,
        "expression": law.expression,
        "inputs": list(law.inputs),
        "field_parameters": list(law.field_names),
        "source": law.source,
        "notes": law.notes,
        "parameters": {
            p.name: {"prior": str(p.prior), "unit": p.unit, "meaning": p.meaning}
            for p in law.parameters
        },
        "presets": {
            name: {
                "values": dict(preset.values),
                "se": dict(preset.se),
                "source": preset.source,
                "count": preset.count,
            }
            for name, preset in law.presets.items()
        },
    }
