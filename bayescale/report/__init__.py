"""Reports: everything that is known of a table of runs, in one HTML file."""

from bayescale.report.build import Report, build
from bayescale.report.section import Figure, Section, Table

__all__ = ["Figure", "Report", "Section", "Table", "build"]
