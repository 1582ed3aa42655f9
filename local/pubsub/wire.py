"""Where proto-plus says less, or something else, than its messages do."""

from typing import Any, TypeVar, cast

from google.pubsub_v1 import types

_Resource = TypeVar("_Resource", types.Topic, types.Subscription)


def seconds(duration: Any) -> float:
    """Of a timedelta: that is what an attribute annotated as Duration gives."""
    return cast("float", duration.total_seconds())


def copy(resource: _Resource) -> _Resource:
    kind = type(resource)
    return cast("_Resource", kind.deserialize(kind.serialize(resource)))


def pb(message: Any) -> Any:
    """The protobuf message below a proto-plus one; a plain one is its own."""
    return type(message).pb(message) if hasattr(type(message), "pb") else message
