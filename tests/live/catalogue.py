"""All experiments, in the order in which they are worth their time."""

from collections.abc import Iterable, Sequence

from tests.live import (
    audit,
    deploys,
    eventing,
    freshness,
    functions,
    hub,
    infrastructure,
    names,
    outage,
    ranges,
    slow,
)
from tests.live.experiment import Experiment

EXPERIMENTS: tuple[Experiment, ...] = (
    *hub.EXPERIMENTS,
    *audit.EXPERIMENTS,
    *freshness.EXPERIMENTS,
    *outage.EXPERIMENTS,
    *ranges.EXPERIMENTS,
    *names.EXPERIMENTS,
    *deploys.EXPERIMENTS,
    *eventing.EXPERIMENTS,
    *functions.EXPERIMENTS,
    *infrastructure.EXPERIMENTS,
    *slow.EXPERIMENTS,
)


class UnknownExperiment(ValueError):
    """The message names what there is."""


def chosen(wanted: Sequence[str], agreed: Iterable[str]) -> tuple[Experiment, ...]:
    """Those whose name, bundle or question is in *wanted*, in order; all where it is empty.

    One that has to be agreed to is among them only when it was, by name; one that runs alone only
    when no other is.
    """
    known = {key for each in EXPERIMENTS for key in _keys(each)}
    if unknown := set(wanted) - known:
        raise UnknownExperiment(f"{', '.join(sorted(unknown))}: right is one of {sorted(known)}")
    found = tuple(
        each
        for each in EXPERIMENTS
        if (not wanted or _keys(each) & set(wanted))
        and (not each.consent or each.name in set(agreed))
    )
    return found if len(found) == 1 else tuple(each for each in found if not each.alone)


def _keys(experiment: Experiment) -> set[str]:
    return {experiment.name, experiment.bundle, *experiment.questions}
