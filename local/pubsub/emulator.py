"""The local Pub/Sub as one thing to start and stop, and to look into from tests.

emulator = Emulator()
emulator.start()
os.environ["PUBSUB_EMULATOR_HOST"] = emulator.grpc_address
"""

from types import TracebackType
from typing import Self

from google.pubsub_v1 import types

from local.pubsub.api import Api
from local.pubsub.backlog import Disturbance
from local.pubsub.broker import Broker
from local.pubsub.catalogue import Catalogue
from local.pubsub.delivery import Delivery
from local.pubsub.grpc_face import GrpcFace
from local.pubsub.push import Pusher
from local.pubsub.rest_face import RestFace

PUSH_WORKERS = 32


class Emulator:
    """Serves gRPC and REST on two ports that the kernel chose, from the same state."""

    def __init__(
        self,
        *,
        duplicate_deliveries: int = 0,
        late_deliveries: float = 0.0,
        push_workers: int = PUSH_WORKERS,
    ) -> None:
        self._catalogue = Catalogue()
        self._broker = Broker(self._catalogue)
        self._push_workers = push_workers
        # From start on: until then it holds no port.
        self._pusher: Pusher
        self._grpc: GrpcFace
        self._rest: RestFace
        self.disturb(duplicate_deliveries=duplicate_deliveries, late_deliveries=late_deliveries)

    def start(self) -> None:
        api = Api(self._catalogue, self._broker)
        self._pusher = Pusher(self._catalogue, self._broker, self._push_workers)
        self._grpc = GrpcFace(api, self._broker)
        self._rest = RestFace(api)
        for part in (self._pusher, self._grpc, self._rest):
            part.start()

    def stop(self) -> None:
        """Break off what is under way; nothing is left running, and nothing is kept."""
        self._broker.close()
        for part in (self._rest, self._grpc, self._pusher):
            part.stop()

    @property
    def grpc_address(self) -> str:
        return self._grpc.address

    @property
    def rest_url(self) -> str:
        return self._rest.url

    def disturb(self, *, duplicate_deliveries: int = 0, late_deliveries: float = 0.0) -> None:
        """Use from now on what at-least-once allows.

        Each message comes *duplicate_deliveries* times more although it was acknowledged; every
        other one is overtaken by those of the next *late_deliveries* seconds.
        """
        self._broker.disturb(Disturbance(duplicates=duplicate_deliveries, late=late_deliveries))

    def wait_idle(self, timeout: float) -> None:
        """Until every push subscription's messages are acknowledged or dead letters."""
        self._broker.wait_idle(timeout)

    def backlog(self, subscription: str) -> list[types.PubsubMessage]:
        """What *subscription*, a full name, still owes."""
        return self._broker.backlog(subscription)

    @property
    def deliveries(self) -> list[Delivery]:
        """The push requests that were answered or failed, the last ten thousand."""
        return self._broker.deliveries_made()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()
