"""Move a revision on trial along: read, decide, look or write, until somebody has to wait.

The decision is transship.model.candidate's; here are the reads, the looks and the writes around it.
"""

import random
from typing import Literal

import structlog

from transship.errors import DeployPending, ServiceConflict
from transship.model.candidate import Look, Steer, advance, read_trial
from transship.model.gate import PROBE_KEY, Verdict, read_gate
from transship.model.naming import ServiceName
from transship.model.service import Service
from transship.model.trial import Trial
from transship.ports import CloudRun

log = structlog.get_logger()

_FIRST_LOOK, _LOOK_FACTOR, _LONGEST_LOOK = 0.2, 1.5, 5.0

Until = Literal["decided", "waiting"]


def move_on(name: ServiceName, cloud_run: CloudRun, *, until: Until) -> Steer | None:
    """The last write, which ended the trial's phase; None where nothing had to be written.

    Until "decided", visitors get the candidate or do not; DeployPending at the deadline. Until
    "waiting", as far as it goes now: a tick comes again.
    """
    wait, done = _FIRST_LOOK, None
    verdicts: dict[str, Verdict] = {}
    while (found := _on_trial(name, cloud_run)) is not None:
        service, trial = found
        if until == "decided" and trial.phase != "gate":
            return done
        gate = read_gate(service.annotations.get(PROBE_KEY, ""))
        step = advance(service, trial, gate, verdicts, now=cloud_run.now())
        match step:
            case Look():
                verdicts[step.tag] = cloud_run.probe(service, step.uri, gate)
            case Steer():
                verdicts = {}
                if _write(service, step, cloud_run):
                    done = step
            case _ if until == "waiting":
                return done
            case _:
                verdicts = {}
                if cloud_run.deadline.remaining() < wait:
                    raise DeployPending(f"{name}: {trial.revision} is still on trial")
                cloud_run.sleep(wait * random.uniform(0.8, 1.2))  # noqa: S311 - jitter, no secret
                wait = min(wait * _LOOK_FACTOR, _LONGEST_LOOK)
    return done


def _on_trial(name: ServiceName, cloud_run: CloudRun) -> tuple[Service, Trial] | None:
    service = cloud_run.services.get(name)
    trial = read_trial(service) if service else None
    return (service, trial) if service and trial else None


def _write(service: Service, step: Steer, cloud_run: CloudRun) -> bool:
    """False where somebody else wrote first: what was decided may no longer be right."""
    try:
        cloud_run.services.steer(service, step.traffic, step.marks)
    except ServiceConflict as error:
        log.info("write lost a race", service=str(service.name), error=str(error))
        return False
    log.info("traffic steered", service=str(service.name), ends=step.ends, evidence=step.evidence)
    return True
