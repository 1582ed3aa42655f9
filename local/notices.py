"""What Artifact Registry tells Pub/Sub: audit entries through a log sink, and ``gcr`` messages.

https://cloud.google.com/logging/docs/export/pubsub. A sink runs beside the request that was logged
and a moment later; it exports what its filter lets through, wherever it goes from there.
"""

import json
import logging
import queue
import threading
from collections.abc import Callable
from typing import Any

log = logging.getLogger(__name__)

_METHODS = frozenset({"Docker-GetManifest", "Docker-HeadManifest", "Docker-PutManifest"})
_RUN_AGENTS = "@serverless-robot-prod.iam.gserviceaccount.com"
_LIMIT = 10_000

# Publishes data with attributes to a topic.
Publish = Callable[[str, bytes, dict[str, str]], object]
_Notice = tuple[str, bytes, dict[str, str]]


class Notices:
    """*filtered* False: a sink whose filter somebody has removed; it exports every entry."""

    def __init__(self, *, hints: str, gcr: str, repository: str, excluded: frozenset[str]) -> None:
        self.filtered = True
        self._hints = hints
        self._gcr = gcr
        self._repository = f"/repositories/{repository}"
        self._excluded = excluded
        self._waiting: queue.Queue[_Notice | None] = queue.Queue(_LIMIT)
        self._thread: threading.Thread | None = None

    def entry(self, entry: dict[str, Any]) -> None:
        if not self.filtered or self._exports(entry):
            time = {"logging.googleapis.com/timestamp": entry["timestamp"]}
            self._add((self._hints, json.dumps(entry).encode(), time))

    def message(self, message: dict[str, str]) -> None:
        self._add((self._gcr, json.dumps(message).encode(), {}))

    def start(self, publish: Publish) -> None:
        self._thread = threading.Thread(
            target=self._run, args=(publish,), name="notices", daemon=True
        )
        self._thread.start()

    def stop(self) -> None:
        """What is waiting goes out first."""
        if self._thread is not None:
            self._waiting.put(None)
            self._thread.join()
            self._thread = None

    def _exports(self, entry: dict[str, Any]) -> bool:
        """As the sink's filter in infra/sink.tf."""
        payload = entry["protoPayload"]
        principal = payload["authenticationInfo"]["principalEmail"]
        return (
            payload["methodName"] in _METHODS
            and self._repository in payload["resourceName"]
            and not principal.endswith(_RUN_AGENTS)
            and principal not in self._excluded
            and not payload["status"].get("code")
        )

    def _add(self, notice: _Notice) -> None:
        try:
            self._waiting.put_nowait(notice)
        except queue.Full:
            log.exception("a notice is lost: %d are waiting", _LIMIT)

    def _run(self, publish: Publish) -> None:
        while (notice := self._waiting.get()) is not None:
            try:
                publish(*notice)
            except Exception:
                # The next one may get through.
                log.warning("a notice is lost", exc_info=True)
