"""Move a revision on trial along: read, decide, look or write, until somebody has to wait.

The decision is transship.model.advance's; here are the reads, the looks and the writes around it.
"""

import random

import structlog

from transship.errors import DeployPending, ServiceConflict
from transship.model.advance import Facts, Look, Steer, Wait, advance
from transship.model.candidate import read_trial
from transship.model.focus import seen_by
from transship.model.gate import PROBE_KEY, Verdict, read_gate
from transship.model.naming import ServiceName
from transship.model.service import Service
from transship.model.trial import Trial
from transship.ports import CloudRun

log = structlog.get_logger()

_FIRST_LOOK, _LOOK_FACTOR, _LONGEST_LOOK = 0.2, 1.5, 5.0


def decide(name: ServiceName, event_id: str, cloud_run: CloudRun) -> None:
    """Until visitors get the revision that the event has on trial, or do not.

    Raises DeployPending at the deadline.
    """
    _move_on(name, event_id, cloud_run, patient=True)


def move_on(name: ServiceName, event_id: str, cloud_run: CloudRun) -> None:
    """As far as it goes now: a tick comes again."""
    _move_on(name, event_id, cloud_run, patient=False)


def _move_on(name: ServiceName, event_id: str, cloud_run: CloudRun, *, patient: bool) -> None:
    wait = _FIRST_LOOK
    verdicts: dict[str, Verdict] = {}
    while (found := _on_trial(name, event_id, cloud_run)) is not None:
        service, trial = found
        if patient and not trial.undecided:
            return
        gate = read_gate(service.annotations.get(PROBE_KEY, ""))
        step = advance(
            Facts(service=service, trial=trial, gate=gate, verdicts=verdicts, now=cloud_run.now())
        )
        match step:
            case Look():
                said = cloud_run.probe(service, step.uri, gate, deadline=cloud_run.deadline)
                verdicts = {**verdicts, step.tag: said}
                continue
            case Steer() if _write(service, step, cloud_run):
                wait, verdicts = _FIRST_LOOK, {}
                continue
            case Wait() if not patient:
                return
        # Waiting, or somebody else wrote first: whatever was seen may no longer be so.
        verdicts = {}
        if cloud_run.deadline.remaining() < wait:
            raise DeployPending(f"{name}: {trial.revision} is still on trial")
        jittered = wait * random.uniform(0.8, 1.2)  # noqa: S311 - not a secret
        cloud_run.sleep(min(jittered, cloud_run.deadline.remaining()))
        wait = min(wait * _LOOK_FACTOR, _LONGEST_LOOK)


def _on_trial(
    name: ServiceName, event_id: str, cloud_run: CloudRun
) -> tuple[Service, Trial] | None:
    service = cloud_run.services.get(name)
    trial = read_trial(service) if service else None
    if service is None or trial is None or trial.event_id != event_id:
        return None
    return seen_by(service, trial.container), trial


def _write(service: Service, step: Steer, cloud_run: CloudRun) -> bool:
    """False where somebody else wrote first: what was decided may no longer be right."""
    try:
        cloud_run.services.steer(service, step.traffic, step.marks)
    except ServiceConflict as error:
        log.info("write lost a race", service=str(service.name), error=str(error))
        return False
    log.info("traffic steered", service=str(service.name), ends=step.ends, evidence=step.evidence)
    return True
