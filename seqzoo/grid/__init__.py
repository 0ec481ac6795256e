"""From a grid's spec to records: expanded, frozen as a plan, done by workers, kept in a ledger.

Plans are read without torch, which takes seconds to import; the rest comes when it is asked for.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from seqzoo.grid.failure import failure_path as failure_path
from seqzoo.grid.failure import read_failure as read_failure
from seqzoo.grid.labels import point_label as point_label
from seqzoo.grid.plan import Plan as Plan
from seqzoo.grid.plan import PlanRow as PlanRow
from seqzoo.grid.plan import make_plan as make_plan
from seqzoo.grid.plan import plan_path as plan_path
from seqzoo.grid.plan import read_plan as read_plan
from seqzoo.grid.plan import run_directory as run_directory

if TYPE_CHECKING:
    from seqzoo.grid.adopting import adopt_plan as adopt_plan
    from seqzoo.grid.adopting import refuse_lost_runs as refuse_lost_runs
    from seqzoo.grid.driver import run_grid as run_grid
    from seqzoo.grid.executors import Executor as Executor
    from seqzoo.grid.live import view_for as view_for
    from seqzoo.grid.outcome import Failure as Failure
    from seqzoo.grid.outcome import Outcome as Outcome
    from seqzoo.grid.samplers import Sampler as Sampler
    from seqzoo.grid.samplers import Study as Study
    from seqzoo.grid.samplers import Trial as Trial
    from seqzoo.grid.tuning import Tuner as Tuner
    from seqzoo.grid.tuning import make_tuner as make_tuner
    from seqzoo.grid.view import View as View
    from seqzoo.grid.worker import RunJob as RunJob

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
    "Executor": "executors",
    "Failure": "outcome",
    "Outcome": "outcome",
    "RunJob": "worker",
    "Sampler": "samplers",
    "Study": "samplers",
    "Trial": "samplers",
    "Tuner": "tuning",
    "View": "view",
    "adopt_plan": "adopting",
    "make_tuner": "tuning",
    "refuse_lost_runs": "adopting",
    "run_grid": "driver",
    "view_for": "live",
}


def __getattr__(name: str) -> Any:
    if name not in LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{LATER[name]}"), name)
