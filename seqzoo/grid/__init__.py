"""From a grid's spec to records: expand, freeze the plan, run it with workers, keep a ledger.

Plans are read without torch, which takes seconds to import; the rest is imported on first use.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from seqzoo.grid.labels import point_label as point_label
from seqzoo.grid.plan.failure import failure_path as failure_path
from seqzoo.grid.plan.failure import read_failure as read_failure
from seqzoo.grid.plan.plan import Plan as Plan
from seqzoo.grid.plan.plan import PlanRow as PlanRow
from seqzoo.grid.plan.plan import make_plan as make_plan
from seqzoo.grid.plan.plan import plan_path as plan_path
from seqzoo.grid.plan.plan import read_plan as read_plan
from seqzoo.grid.plan.plan import run_directory as run_directory

if TYPE_CHECKING:
    from seqzoo.grid.plan.adopting import adopt_plan as adopt_plan
    from seqzoo.grid.plan.adopting import refuse_lost_runs as refuse_lost_runs
    from seqzoo.grid.plan.tuner import Tuner as Tuner
    from seqzoo.grid.plan.tuner import make_tuner as make_tuner
    from seqzoo.grid.run.driver import run_grid as run_grid
    from seqzoo.grid.run.ending import Failure as Failure
    from seqzoo.grid.run.ending import Outcome as Outcome
    from seqzoo.grid.run.executors import Executor as Executor
    from seqzoo.grid.run.view import View as View
    from seqzoo.grid.run.worker import RunJob as RunJob
    from seqzoo.grid.tune.samplers import Sampler as Sampler
    from seqzoo.grid.tune.samplers import Study as Study
    from seqzoo.grid.tune.samplers import Trial as Trial
    from seqzoo.grid.view.live import view_for as view_for

__all__ = [
    "Executor",
    "Failure",
    "Outcome",
    "Plan",
    "PlanRow",
    "RunJob",
    "Sampler",
    "Study",
    "Trial",
    "Tuner",
    "View",
    "adopt_plan",
    "failure_path",
    "make_plan",
    "make_tuner",
    "plan_path",
    "point_label",
    "read_failure",
    "read_plan",
    "refuse_lost_runs",
    "run_directory",
    "run_grid",
    "view_for",
]

LATER = {
    "Executor": "run.executors",
    "Failure": "run.ending",
    "Outcome": "run.ending",
    "RunJob": "run.worker",
    "Sampler": "tune.samplers",
    "Study": "tune.samplers",
    "Trial": "tune.samplers",
    "Tuner": "plan.tuner",
    "View": "run.view",
    "adopt_plan": "plan.adopting",
    "make_tuner": "plan.tuner",
    "refuse_lost_runs": "plan.adopting",
    "run_grid": "run.driver",
    "view_for": "view.live",
}


def __getattr__(name: str) -> Any:
    if name not in LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{LATER[name]}"), name)
