"""Who calls the push endpoints: one thread that looks what is due, workers that wait for answers.

https://cloud.google.com/pubsub/docs/push
"""

import http.client
import logging
import socket
import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from urllib.parse import urlsplit

from local.pubsub.broker import Broker
from local.pubsub.catalogue import Catalogue
from local.pubsub.delivery import Delivery, Push
from local.pubsub.push_request import push_request

log = logging.getLogger(__name__)

# https://cloud.google.com/pubsub/docs/push#receive_push
ACKNOWLEDGES = frozenset({102, 200, 201, 202, 204})
_CONNECT = 5.0


class Pusher:
    """Delivers until it is stopped; *workers* bounds the push requests under way."""

    def __init__(self, catalogue: Catalogue, broker: Broker, workers: int) -> None:
        self._changed = catalogue.changed
        self._broker = broker
        self._workers = workers
        self._pushing = 0
        self._open: set[http.client.HTTPConnection] = set()
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix="pubsub-push")
        self._thread = threading.Thread(target=self._run, name="pubsub-due", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Break off the requests under way; the broker is closed already."""
        self._thread.join()
        with self._changed:
            for connection in self._open:
                _break_off(connection)
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _run(self) -> None:
        with self._changed:
            while not self._broker.closed:
                pushes, pause = self._broker.due_pushes(self._workers - self._pushing)
                self._pushing += len(pushes)
                for push in pushes:
                    self._pool.submit(self._deliver, push).add_done_callback(_tell)
                if not pushes:
                    self._changed.wait(pause)

    def _deliver(self, push: Push) -> None:
        begun = time.monotonic()
        status, problem = None, ""
        try:
            status = self._post(push)
        except (OSError, http.client.HTTPException) as error:
            problem = f"{type(error).__name__}: {error}"
        succeeded = status in ACKNOWLEDGES
        delivery = Delivery(
            subscription=push.settings.name,
            message_id=push.lease.message.message_id,
            attempt=push.lease.attempt,
            status=status,
            seconds=time.monotonic() - begun,
            problem=problem,
        )
        with self._changed:
            self._pushing -= 1
            self._broker.settle_push(push, delivery, succeeded=succeeded)
        if not succeeded:
            log.info("push refused: %s", delivery)

    def _post(self, push: Push) -> int:
        """One connection per request: an idle one that the receiver closed would be a failure."""
        body, headers = push_request(push.settings, push.lease)
        url = urlsplit(push.settings.push_config.push_endpoint)
        make = http.client.HTTPSConnection if url.scheme == "https" else http.client.HTTPConnection
        deadline = float(push.settings.ack_deadline_seconds)
        # Stopping cannot break off a connect, so that is the shorter wait.
        connection = make(url.netloc, timeout=min(deadline, _CONNECT))
        target = f"{url.path or '/'}?{url.query}" if url.query else url.path or "/"
        with self._changed:
            self._open.add(connection)
        try:
            connection.connect()
            connection.sock.settimeout(deadline)
            if self._broker.closed:
                raise ConnectionAbortedError("the local Pub/Sub is stopping")
            connection.request("POST", target, body, {"Connection": "close", **headers})
            # The status alone decides; a body is nobody's.
            return connection.getresponse().status
        finally:
            with self._changed:
                self._open.discard(connection)
            connection.close()


def _tell(done: Future[None]) -> None:
    """A worker that failed is a bug, and would be silent in its future."""
    error = None if done.cancelled() else done.exception()
    if error is not None:
        log.error("push worker failed", exc_info=error)


def _break_off(connection: http.client.HTTPConnection) -> None:
    sock: socket.socket | None = connection.sock
    if sock is not None:
        with suppress(OSError):
            sock.shutdown(socket.SHUT_RDWR)
