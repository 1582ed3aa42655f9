"""The addresses of services: one each, and one for each revision tag, stable while it lives."""

import logging
import selectors
import socket
import threading
from collections.abc import Callable, Collection, Mapping
from typing import Protocol

from local.run.record import Record

log = logging.getLogger(__name__)

_MAX_CONNECTIONS = 512
# A finished connection frees its place; who waits longer than this for one is turned away.
_PATIENCE = 30.0


class Addresses(Protocol):
    """Where services can be reached; called with the fleet's lock held."""

    def open(self, record: Record) -> None:
        """Give the service its URI, unless it has one."""

    def tags(self, record: Record, tags: Collection[str]) -> Mapping[str, str]:
        """The addresses of *tags*, and of no others from now on."""

    def close(self, record: Record) -> None: ...


class Names:
    """Production's addresses, for services whose containers do not run: nothing answers there."""

    def __init__(self, project_numbers: Mapping[str, int]) -> None:
        self._numbers = project_numbers

    def open(self, record: Record) -> None:
        uri = f"https://{self._host(record)}"
        record.message.uri = uri
        record.message.urls[:] = [uri]

    def tags(self, record: Record, tags: Collection[str]) -> Mapping[str, str]:
        return {tag: f"https://{tag}---{self._host(record)}" for tag in tags}

    def close(self, record: Record) -> None:
        """Names cost nothing."""

    def _host(self, record: Record) -> str:
        parent = record.parent
        number = self._numbers[parent.project]
        return f"{record.service_id}-{number}.{parent.location}.run.app"


Serve = Callable[[socket.socket, Record, str], None]


class Gateway:
    """Listens on a port for every address; *serve* answers a connection to a service or a tag."""

    def __init__(self, serve: Serve) -> None:
        self._serve = serve
        self._lock = threading.Lock()
        self._doors: dict[tuple[str, str], socket.socket] = {}
        self._places = threading.BoundedSemaphore(_MAX_CONNECTIONS)
        self._closing = False
        self._thread = threading.Thread(target=self._accept, name="run-gateway", daemon=True)

    def start(self) -> None:
        self._selector = selectors.DefaultSelector()
        self._bell, self._rung = socket.socketpair()
        self._selector.register(self._rung, selectors.EVENT_READ, None)
        self._thread.start()

    def open(self, record: Record) -> None:
        uri = self._door(record, "")
        record.message.uri = uri
        record.message.urls[:] = [uri]

    def tags(self, record: Record, tags: Collection[str]) -> Mapping[str, str]:
        uris = {tag: self._door(record, tag) for tag in tags}
        self._shut(record, keep={"", *tags})
        return uris

    def close(self, record: Record) -> None:
        self._shut(record, keep=())

    def stop(self) -> None:
        if self._closing or not self._thread.is_alive():
            return
        self._closing = True
        self._bell.send(b"!")
        self._thread.join()
        with self._lock:
            for door in self._doors.values():
                door.close()
            self._doors.clear()
        self._selector.close()
        self._bell.close()
        self._rung.close()

    def _door(self, record: Record, tag: str) -> str:
        key = (record.message.uid, tag)
        with self._lock:
            door = self._doors.get(key)
            if door is None:
                door = socket.create_server(("127.0.0.1", 0), backlog=128)
                door.setblocking(False)
                self._doors[key] = door
                self._selector.register(door, selectors.EVENT_READ, (record, tag))
                self._bell.send(b"!")
                name = f"{tag}---{record.service_id}" if tag else record.service_id
                log.info("%s is at http://127.0.0.1:%s", name, door.getsockname()[1])
            return f"http://127.0.0.1:{door.getsockname()[1]}"

    def _shut(self, record: Record, keep: Collection[str]) -> None:
        with self._lock:
            for key in [key for key in self._doors if key[0] == record.message.uid]:
                if key[1] not in keep:
                    door = self._doors.pop(key)
                    self._selector.unregister(door)
                    door.close()

    def _accept(self) -> None:
        while not self._closing:
            for key, _ in self._selector.select():
                if key.data is None:
                    self._rung.recv(4096)
                    continue
                try:
                    connection, _ = key.fileobj.accept()  # type: ignore[union-attr]  # a socket
                except OSError:
                    continue  # shut meanwhile, or the caller has gone
                record, tag = key.data
                thread = threading.Thread(
                    target=self._answer, args=(connection, record, tag), daemon=True
                )
                thread.start()

    def _answer(self, connection: socket.socket, record: Record, tag: str) -> None:
        with connection:
            connection.setblocking(True)
            if not self._places.acquire(timeout=_PATIENCE):
                return
            try:
                self._serve(connection, record, tag)
            except OSError as error:
                log.debug("a caller of %s has gone: %s", record.service_id, error)
            finally:
                self._places.release()
