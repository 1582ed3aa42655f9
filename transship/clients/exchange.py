"""A question to a registry, asked as whom it wants us to be, and what its answer means."""

from collections.abc import Callable, Mapping
from datetime import datetime
from http import HTTPStatus

from transship.clients.absence import absent
from transship.clients.answer import Answer
from transship.clients.failures import failure
from transship.clients.tokens import Tokens
from transship.clients.transport import Transport
from transship.deadline import Deadline
from transship.errors import RegistryUnavailable
from transship.model.ratelimit import RateLimit, parse_rate_limit
from transship.model.reference import DOCKER_HUB, Reference

Observe = Callable[[str, RateLimit], None]

# What a store of blobs says to a signature that it does not, or no longer, accept.
_EXPIRED = frozenset(
    {
        HTTPStatus.BAD_REQUEST,
        HTTPStatus.UNAUTHORIZED,
        HTTPStatus.FORBIDDEN,
        HTTPStatus.NOT_FOUND,
        HTTPStatus.GONE,
    }
)


class Exchange:
    """One attempt at a time; whoever asks decides whether to try again."""

    def __init__(
        self,
        transport: Transport,
        tokens: Tokens,
        *,
        observe: Observe | None,
        now: Callable[[], datetime],
    ) -> None:
        self._transport = transport
        self._tokens = tokens
        self._observe = observe
        self._now = now

    def ask(
        self,
        method: str,
        reference: Reference,
        path: str,
        headers: Mapping[str, str],
        deadline: Deadline,
        *,
        accept: frozenset[int] = frozenset({HTTPStatus.OK}),
    ) -> Answer:
        """An answer whose status is among *accept*; any other is raised as what it means."""
        answer = self._as_known(method, reference, path, headers, deadline)
        rate_limit = parse_rate_limit(answer.headers)
        if rate_limit is not None and self._observe is not None:
            self._observe(reference.registry, rate_limit)
        if answer.status in accept:
            return answer
        complaint = answer.complaint()
        if answer.is_redirected and path.startswith("blobs/") and answer.status in _EXPIRED:
            # Said by where the registry sent us: a signature has expired, not a permission.
            raise RegistryUnavailable(
                f"{reference}: {answer.host}, a redirect's goal, answers {answer.status}"
            )
        if missing := absent(answer.status, answer.host, reference, path):
            raise missing
        raise failure(
            answer.status,
            answer.headers,
            complaint,
            host=answer.host,
            source=reference.registry,
            what=str(reference),
            now=self._now(),
        )

    def _as_known(
        self,
        method: str,
        reference: Reference,
        path: str,
        headers: Mapping[str, str],
        deadline: Deadline,
    ) -> Answer:
        """The answer once the registry knows us, or after it did not believe us."""
        registry, repository = reference.registry, reference.repository
        # Built from parts that were parsed, so that no text puts a host into it.
        url = f"https://{_authority(registry)}/v2/{repository}/{path}"
        authorization = self._tokens.expected(registry, repository, deadline=deadline)
        # A first token may be missing, and any token may have been revoked: once each.
        renewals = 2 if authorization is None else 1
        while True:
            known = {**headers, "Authorization": authorization} if authorization else headers
            answer = self._transport.send(method, url, known, deadline=deadline)
            if answer.status != HTTPStatus.UNAUTHORIZED or answer.is_redirected or not renewals:
                return answer
            renewals -= 1
            challenges = answer.headers.getlist("www-authenticate")
            answer.discard()
            authorization = self._tokens.demanded(
                registry,
                repository,
                refused=authorization,
                headers=challenges,
                deadline=deadline,
            )


def _authority(registry: str) -> str:
    """Host and port under which *registry* is asked; Docker Hub's name is not its address."""
    return "registry-1.docker.io" if registry == DOCKER_HUB else registry.lower()
