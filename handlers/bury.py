"""A dead letter is written down: one log entry with all that it takes to publish it again.

The entry is what people read; the copy on the retained subscription is what keeps the message until
somebody replays or discards it, which is written down here as well. docs/adr/0010-dead-letters.md
"""

import structlog

from handlers.payloads import Delivery
from transship.model.dead_letter import DeadLetter, decode_judgement, is_judgement

log = structlog.get_logger()

BURIED, SETTLED = "dead letter", "dead letter settled"


def handle(delivery: Delivery) -> None:
    """Raises InvalidEvent for a verdict that is none."""
    if is_judgement(delivery.attributes):
        judged = decode_judgement(delivery.data)
        log.info(
            SETTLED,
            dead_letter=judged.dead_letter,
            verdict=judged.verdict.value,
            by=judged.by,
        )
        return
    letter = DeadLetter.of(
        delivery.message_id, delivery.data, delivery.attributes, delivery.published_at
    )
    log.error(BURIED, **letter.fields())
