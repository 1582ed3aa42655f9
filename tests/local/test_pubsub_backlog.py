import pytest
from google.pubsub_v1 import types

from local.pubsub import backlog as module
from local.pubsub.backlog import Backlog, Disturbance, Redelivery
from local.pubsub.refusal import Refused

NAME = "projects/sample-project/subscriptions/deploy"


def backlog(
    redelivery: Redelivery | None = None,
    disturbance: Disturbance | None = None,
    *,
    ordered: bool = False,
    retention: float = 600,
) -> Backlog:
    return Backlog(
        name=NAME,
        ordered=ordered,
        retention=retention,
        redelivery=redelivery or Redelivery(),
        disturbance=disturbance or Disturbance(),
    )


def add(queue: Backlog, *texts: str, key: str = "", now: float = 0) -> None:
    for text in texts:
        queue.add(types.PubsubMessage(data=text.encode(), ordering_key=key), len(text), now)


def take(queue: Backlog, now: float, limit: int = 10) -> list[tuple[str, str]]:
    """Texts and ack ids."""
    leases = queue.lease(limit, 10, now)
    return [(lease.message.data.decode(), lease.ack_id) for lease in leases]


def texts(queue: Backlog, now: float) -> list[str]:
    return [text for text, _ack_id in take(queue, now)]


def test_messages_come_in_the_order_of_publishing() -> None:
    queue = backlog()
    add(queue, "a", "b", "c")
    assert texts(queue, now=0) == ["a", "b", "c"]


def test_a_late_acknowledgement_does_not_count() -> None:
    queue = backlog()
    add(queue, "a")
    ((_text, ack_id),) = take(queue, now=0)
    queue.expire(now=10)
    assert not queue.acknowledge(ack_id, now=10)
    assert texts(queue, now=10) == ["a"]


def test_an_extended_lease_ends_later() -> None:
    queue = backlog()
    add(queue, "a")
    ((_text, ack_id),) = take(queue, now=0)
    queue.extend(ack_id, 30, now=5)
    queue.expire(now=34)
    assert not texts(queue, now=34)
    queue.expire(now=35)
    assert texts(queue, now=35) == ["a"]


def test_the_backoff_doubles_up_to_its_maximum() -> None:
    redelivery = Redelivery(minimum=10, maximum=60)
    assert [redelivery.delay(failures) for failures in (1, 2, 3, 4, 5000)] == [10, 20, 40, 60, 60]


def test_a_failed_message_waits_for_its_backoff_and_others_do_not() -> None:
    queue = backlog(Redelivery(minimum=10, maximum=600))
    add(queue, "a", "b")
    ((_text, ack_id),) = take(queue, now=0, limit=1)
    queue.fail(ack_id, now=1)
    assert texts(queue, now=10.9) == ["b"]
    assert texts(queue, now=11) == ["a"]


def test_the_attempt_counts_negative_acknowledgements_and_ended_leases() -> None:
    queue = backlog()
    add(queue, "a")
    (first,) = queue.lease(1, 10, now=0)
    queue.fail(first.ack_id, now=1)
    (second,) = queue.lease(1, 10, now=1)
    queue.expire(now=11)
    (third,) = queue.lease(1, 10, now=11)
    assert [first.attempt, second.attempt, third.attempt] == [1, 2, 3]


@pytest.mark.parametrize("ended", ["refused", "expired"])
def test_the_last_attempt_makes_a_dead_letter(ended: str) -> None:
    queue = backlog(Redelivery(attempts=1))
    add(queue, "a")
    ((_text, ack_id),) = take(queue, now=0)
    owed = queue.fail(ack_id, now=1) if ended == "refused" else queue.expire(now=10)[0]
    assert owed is not None
    assert owed.message.data == b"a"
    queue.remove(owed, now=10)
    assert (len(queue), queue.bytes) == (0, 0)


def test_an_ordering_key_waits_for_its_first_message_and_others_do_not() -> None:
    queue = backlog(ordered=True)
    add(queue, "a1", "a2", key="a")
    add(queue, "b1", key="b")
    add(queue, "free")
    taken = dict(take(queue, now=0))
    assert list(taken) == ["a1", "b1", "free"]
    queue.acknowledge(taken["a1"], now=1)
    assert texts(queue, now=1) == ["a2"]


def test_a_failed_message_holds_up_its_ordering_key() -> None:
    queue = backlog(Redelivery(minimum=10, maximum=10), ordered=True)
    add(queue, "a1", "a2", key="a")
    ((_text, ack_id),) = take(queue, now=0)
    queue.fail(ack_id, now=0)
    assert not texts(queue, now=9)
    assert texts(queue, now=10) == ["a1"]


def test_a_dead_letter_lets_its_ordering_key_go_on() -> None:
    queue = backlog(Redelivery(attempts=1), ordered=True)
    add(queue, "a1", "a2", key="a")
    ((_text, ack_id),) = take(queue, now=0)
    owed = queue.fail(ack_id, now=0)
    assert owed is not None
    queue.remove(owed, now=0)
    assert texts(queue, now=0) == ["a2"]


def test_a_message_is_forgotten_after_the_retention() -> None:
    queue = backlog(retention=600)
    add(queue, "old", now=0)
    add(queue, "new", now=1)
    queue.expire(now=600)
    assert texts(queue, now=600) == ["new"]


def test_a_leased_message_is_forgotten_as_well() -> None:
    queue = backlog(retention=600)
    add(queue, "old")
    ((_text, ack_id),) = take(queue, now=599)
    queue.expire(now=600)
    assert not queue.acknowledge(ack_id, now=600)
    assert (len(queue), queue.bytes) == (0, 0)


def test_a_duplicate_comes_although_the_message_was_acknowledged() -> None:
    queue = backlog(disturbance=Disturbance(duplicates=2))
    add(queue, "a")
    for _delivery in range(3):
        ((text, ack_id),) = take(queue, now=0)
        assert text == "a"
        queue.acknowledge(ack_id, now=0)
    assert not take(queue, now=0)
    assert not len(queue)


def test_a_late_message_is_overtaken() -> None:
    queue = backlog(disturbance=Disturbance(late=1))
    add(queue, "a", "b", "c", "d")
    assert texts(queue, now=0) == ["b", "d"]
    assert texts(queue, now=1) == ["a", "c"]


def test_an_ordering_key_is_kept_whatever_the_disturbance() -> None:
    queue = backlog(disturbance=Disturbance(late=1), ordered=True)
    add(queue, "a", "b", key="k")
    taken = take(queue, now=0)
    assert [text for text, _ack_id in taken] == ["a"]
    queue.acknowledge(taken[0][1], now=0)
    assert texts(queue, now=0) == ["b"]


def test_a_response_is_no_larger_than_a_channel_takes() -> None:
    queue = backlog()
    for _message in range(3):
        queue.add(types.PubsubMessage(data=b"x"), 2_000_000, now=0)
    assert len(queue.lease(10, 10, now=0)) == 2


def test_a_holder_has_no_more_than_it_may() -> None:
    queue = backlog()
    add(queue, "abc", "def", "ghi")
    holder = object()
    queue.lease(2, 10, now=0, holder=holder)
    assert queue.room_of(holder, 3, 0) == 1
    assert queue.room_of(holder, 3, 6) == 0
    assert queue.room_of(object(), 3, 6) == 3


@pytest.mark.parametrize(
    ("messages", "size"),
    [(module.BACKLOG_MESSAGES + 1, 0), (1, module.BACKLOG_BYTES + 1)],
    ids=["messages", "bytes"],
)
def test_a_full_backlog_refuses(messages: int, size: int) -> None:
    queue = backlog()
    queue.check_room(messages - 1, min(size, module.BACKLOG_BYTES))
    with pytest.raises(Refused, match="is full"):
        queue.check_room(messages, size)


def test_when_to_look_again_is_known() -> None:
    queue = backlog(Redelivery(minimum=10, maximum=10))
    assert (queue.next_due(), queue.next_end()) == (None, None)
    add(queue, "a", now=3)
    assert queue.next_due() == 3
    ((_text, ack_id),) = take(queue, now=4)
    assert (queue.next_due(), queue.next_end()) == (None, 14)
    queue.fail(ack_id, now=5)
    assert queue.next_due() == 15
