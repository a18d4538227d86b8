"""Fit the small runs of the package's own study, forecast the large ones, and check."""

import bayescale as bs

runs = bs.datasets.load("tiny")
limit = runs["C"].max() / 10
small, large = runs.select(runs["C"] <= limit), runs.select(runs["C"] > limit)

fit = bs.fit("chinchilla", small, seed=0)
print(fit)
print(fit.diagnosis.text())

ahead = bs.forecast(fit, large)
print(ahead.table(prob=0.9)[["median", "lower", "upper", "observed", "covered"]].round(3))
print(f"{ahead.covered(0.9).sum()} of {len(ahead)} inside the 90 % intervals")
