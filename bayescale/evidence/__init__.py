"""How well the runs support a law: evidence, cross-validation, sensitivity, what to conclude."""
