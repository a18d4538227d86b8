"""Many fits at once: tasks, a store that survives a kill, engines from one core to a cluster."""

from bayescale.many.result import Failure, Many
from bayescale.many.study import fit_many
from bayescale.many.task import Task

__all__ = ["Failure", "Many", "Task", "fit_many"]
