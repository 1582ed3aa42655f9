"""What the product refuses before it does anything: names, sizes, ranges.

https://cloud.google.com/pubsub/docs/pubsub-basics#resource_names
https://cloud.google.com/pubsub/quotas#resource_limits
"""

import re
from collections.abc import Collection, Iterable, Sequence
from urllib.parse import urlsplit

from google.pubsub_v1 import types

from local.pubsub.refusal import Refused, invalid, unimplemented
from local.pubsub.wire import seconds

MESSAGE_LIMIT = REQUEST_LIMIT = 10_000_000
MESSAGES_LIMIT = 1_000
ATTRIBUTES_LIMIT = 100
KEY_LIMIT = 256
VALUE_LIMIT = 1_024
ORDERING_KEY_LIMIT = 1_024

_FIELDS: dict[str, Collection[str]] = {
    "Topic": types.Topic.meta.fields,
    "Subscription": types.Subscription.meta.fields,
}
_ID = r"(?!goog)[A-Za-z][A-Za-z0-9._~+%-]{2,254}"
_PROJECT = re.compile(r"projects/[a-z0-9.:-]+")
_NAMES = {
    collection: re.compile(rf"projects/[a-z0-9.:-]+/{collection}/{_ID}")
    for collection in ("topics", "subscriptions")
}


def check_name(collection: str, name: str) -> str:
    if not _NAMES[collection].fullmatch(name):
        raise invalid(
            f"Invalid [{collection}] name: (name={name}). Refer to "
            "https://cloud.google.com/pubsub/docs/pubsub-basics#resource_names for more "
            "information."
        )
    return name


def check_project(name: str) -> str:
    if not _PROJECT.fullmatch(name):
        raise invalid(f"Invalid [projects] name: (name={name})")
    return name


def check_topic(topic: types.Topic) -> None:
    check_name("topics", topic.name)
    for field in ("kms_key_name", "schema_settings", "ingestion_data_source_settings"):
        _refuse_set(topic, field)
    _refuse_set(topic, "message_transforms")


def check_subscription(subscription: types.Subscription) -> None:
    check_name("subscriptions", subscription.name)
    for field in ("bigquery_config", "cloud_storage_config", "bigtable_config"):
        _refuse_set(subscription, field)
    for field in ("enable_exactly_once_delivery", "message_transforms", "detached"):
        _refuse_set(subscription, field)
    if not 10 <= subscription.ack_deadline_seconds <= 600:  # noqa: PLR2004 - the documented range
        raise invalid(
            "Invalid ack deadline given (ack_deadline_seconds="
            f"{subscription.ack_deadline_seconds}): must be between 10 and 600."
        )
    retention = seconds(subscription.message_retention_duration)
    if not 600 <= retention <= 31 * 86_400:  # noqa: PLR2004 - the documented range
        raise invalid("message_retention_duration out of bounds: must be 10 minutes to 31 days.")
    _check_expiration(subscription, retention)
    _check_retry(subscription)
    check_push(subscription.push_config)
    if "dead_letter_policy" in subscription:
        _check_attempts(subscription.dead_letter_policy.max_delivery_attempts)


def check_push(push: types.PushConfig) -> None:
    if not push.push_endpoint:
        return
    parts = urlsplit(push.push_endpoint)
    printable = re.fullmatch(r"[!-~]+", push.push_endpoint)  # and no space
    if parts.scheme not in {"http", "https"} or not parts.hostname or not printable:
        raise invalid(
            f"Invalid push endpoint given (endpoint={push.push_endpoint}). Refer to "
            "https://cloud.google.com/pubsub/docs/subscriber#push_endpoints for more information."
        )
    if "oidc_token" in push and not push.oidc_token.service_account_email:
        raise invalid("push_config.oidc_token.service_account_email must be set.")


def check_publish(messages: Sequence[types.PubsubMessage]) -> list[int]:
    """The size of each message, as the product counts it."""
    if not messages:
        raise invalid("The value for message_count is too small: no messages to publish.")
    if len(messages) > MESSAGES_LIMIT:
        raise invalid(
            "The value for message_count is too large. You passed "
            f"{len(messages)} in the request, but the maximum value is {MESSAGES_LIMIT}."
        )
    if len({message.ordering_key for message in messages}) > 1:
        raise invalid(
            "In a single publish request, all messages must have no ordering key "
            "or they must all have the same ordering key."
        )
    sizes = [_check_message(message) for message in messages]
    if sum(sizes) > REQUEST_LIMIT:
        raise _too_large("request_size", sum(sizes), REQUEST_LIMIT)
    return sizes


def _check_message(message: types.PubsubMessage) -> int:
    attributes = dict(message.attributes)
    # An ordering key alone is not content: Google's emulator refuses it as well.
    if not message.data and not attributes:
        raise invalid(
            "One or more messages in the publish request is empty. Each message must contain "
            "either non-empty data, or at least one attribute."
        )
    if len(attributes) > ATTRIBUTES_LIMIT:
        raise _too_large("attribute_count", len(attributes), ATTRIBUTES_LIMIT)
    size = len(message.data)
    for key, value in attributes.items():
        if not key or key.startswith("goog"):
            raise invalid(
                f"The attribute key {key!r} is invalid: it must not be empty or begin with 'goog'."
            )
        _check_length("attribute_key_size", key, KEY_LIMIT)
        _check_length("attribute_value_size", value, VALUE_LIMIT)
        size += len(key.encode()) + len(value.encode())
    _check_length("ordering_key_size", message.ordering_key, ORDERING_KEY_LIMIT)
    size += len(message.ordering_key.encode())
    if size > MESSAGE_LIMIT:
        raise _too_large("message_size", size, MESSAGE_LIMIT)
    return size


def check_mask(request: str, kind: str, paths: Iterable[str], mutable: Iterable[str]) -> list[str]:
    """The top-level fields to update; *kind* is the noun of the texts."""
    fields = [path.split(".", 1)[0] for path in paths]
    if not fields:
        raise invalid(
            f"The update_mask in the {request} must be set, and must contain a non-empty "
            "paths list."
        )
    known = _FIELDS[kind]
    for field in fields:
        if field not in known:
            raise invalid(
                f"Invalid update_mask provided in the {request}: {field} is not a known {kind} "
                "field. Note that field paths must be of the form 'push_config' rather than "
                "'pushConfig'."
            )
        if field not in mutable:
            raise invalid(
                f"Invalid update_mask provided in the {request}: the {field} field in the {kind} "
                "is not mutable."
            )
    return fields


def _check_expiration(subscription: types.Subscription, retention: float) -> None:
    if "expiration_policy" not in subscription or "ttl" not in subscription.expiration_policy:
        return
    ttl = seconds(subscription.expiration_policy.ttl)
    if ttl < max(86_400, retention):
        raise invalid(
            "expiration_policy.ttl out of bounds: must be at least one day and at least "
            "message_retention_duration."
        )


def _check_retry(subscription: types.Subscription) -> None:
    if "retry_policy" not in subscription:
        return
    minimum = seconds(subscription.retry_policy.minimum_backoff)
    maximum = seconds(subscription.retry_policy.maximum_backoff)
    for field, value in (("minimum_backoff", minimum), ("maximum_backoff", maximum)):
        if not 0 <= value <= 600:  # noqa: PLR2004 - the documented range
            raise invalid(
                f"The value for {field} is out of bounds. You passed {value:g}s in the request, "
                "but the value must be between 0s and 600s."
            )
    if maximum < minimum:
        raise invalid(
            f"The value for maximum_backoff is too small. You passed {maximum:g}s in the request, "
            f"but the minimum value is {minimum:g}s."
        )


def _check_attempts(attempts: int) -> None:
    if attempts < 5:  # noqa: PLR2004 - the documented range
        problem = "too small", "minimum", 5
    elif attempts > 100:  # noqa: PLR2004 - the documented range
        problem = "too large", "maximum", 100
    else:
        return
    adjective, bound, value = problem
    raise invalid(
        f"The value for max_delivery_attempts is {adjective}. You passed {attempts} in the "
        f"request, but the {bound} value is {value}."
    )


def _check_length(field: str, text: str, limit: int) -> None:
    if len(text.encode()) > limit:
        raise _too_large(field, len(text.encode()), limit)


def _too_large(field: str, value: int, limit: int) -> Refused:
    return invalid(
        f"The value for {field} is too large. You passed {value} in the request, "
        f"but the maximum value is {limit}."
    )


def _refuse_set(resource: types.Topic | types.Subscription, field: str) -> None:
    if getattr(resource, field):
        raise unimplemented(f"{type(resource).__name__}.{field}")
