"""What a tag means now, as a registry says."""

from typing import Protocol

from transship.deadline import Deadline
from transship.model.fetched import Head
from transship.model.reference import Reference

# A registry that takes connections and does not answer must leave time to ask another one.
_SECONDS = 20.0


class Registry(Protocol):
    """The part of the distribution API that tells what a tag means."""

    def head(self, reference: Reference, *, deadline: Deadline) -> Head: ...


def resolve(registry: Registry, reference: Reference, *, deadline: Deadline) -> Head:
    """HEAD: at Docker Hub that is free of quota, and never an hour old as a mirror's tag may be."""
    return registry.head(reference, deadline=deadline.within(_SECONDS))
