"""The ground in a real project: each part is made when an experiment first asks for it.

Names begin with the run's, so that a later process of the same run finds what an earlier one made.
What is to be taken back is remembered before it is made (tests/live/undo.py).
"""

import base64
import json
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from tests.live import undo
from tests.live.google import ApiRefused
from tests.live.registry import Registry
from tests.live.told import ToldService, told_service
from tests.live.world import Cloud, Mirror

_AR = "https://artifactregistry.googleapis.com/v1"
_IAM = "https://iam.googleapis.com/v1"
_LOGGING = "https://logging.googleapis.com/v2/entries:list"
_PUBSUB = "https://pubsub.googleapis.com/v1"
_SECRETS = "https://secretmanager.googleapis.com/v1"
_CREDENTIALS = "https://iamcredentials.googleapis.com/v1/projects/-/serviceAccounts"
_USAGE = "https://serviceusage.googleapis.com"
_APIS = (
    "artifactregistry", "cloudbuild", "cloudfunctions", "eventarc", "iam", "iamcredentials",
    "logging", "pubsub", "run", "secretmanager",
)  # fmt: skip
_PAGES = 20
_UNIQUE = {404: False, 200: True}


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectGround:
    """*member* is who runs this, ``user:…``: it is let use the accounts that are made."""

    cloud: Cloud
    member: str
    _found: dict[str, Mirror] = field(default_factory=dict)

    def prepare(self) -> None:
        """The APIs, which stay enabled."""
        services = [f"{name}.googleapis.com" for name in _APIS]
        url = f"{_USAGE}/v1/projects/{self.cloud.number}/services:batchEnable"
        self.cloud.google.done("POST", url, {"serviceIds": services})

    def mirror(self, short: str = "hub") -> Mirror:
        self._log()
        config = {
            "dockerRepository": {"publicRepository": "DOCKER_HUB"},
            **({"upstreamCredentials": self._credentials()} if self.cloud.hub.login else {}),
        }
        return self._repository(short, "REMOTE_REPOSITORY", remoteRepositoryConfig=config)

    def virtual(self) -> Mirror:
        policy = {"id": "hub", "repository": self.mirror("behind").parent, "priority": 100}
        config = {"upstreamPolicies": [policy]}
        return self._repository("virtual", "VIRTUAL_REPOSITORY", virtualRepositoryConfig=config)

    def standard(self) -> Mirror:
        self._log()
        return self._repository("standard", "STANDARD_REPOSITORY")

    def controlled(self, short: str) -> tuple[Mirror, ToldService]:
        service = told_service(self.cloud, self.entries, f"up-{short}")
        config = {"commonRepository": {"uri": service.url}, "disableUpstreamValidation": True}
        made = self._repository(f"told-{short}", "REMOTE_REPOSITORY", remoteRepositoryConfig=config)
        return made, service

    def listener(self, short: str) -> ToldService:
        return told_service(self.cloud, self.entries, f"hear-{short}")

    def reader(self) -> Mirror:
        mirror = self.mirror()
        email = self.account("reader")
        google = self.cloud.google
        undo.bind(
            google,
            f"{_AR}/{mirror.parent}",
            "roles/artifactregistry.reader",
            f"serviceAccount:{email}",
        )
        return replace(
            mirror, registry=replace(mirror.registry, bearer=lambda: self.token_of(email))
        )

    def account(self, short: str) -> str:
        """A service account without a role, as which we may act; its e-mail."""
        cloud = self.cloud
        email = f"{cloud.run}-{short}@{cloud.project}.iam.gserviceaccount.com"
        name = f"{_IAM}/projects/{cloud.project}/serviceAccounts/{email}"
        if not self._exists(name):
            cloud.delete_later(name)
            body = {"accountId": f"{cloud.run}-{short}"}
            cloud.google.done("POST", name.rpartition("/")[0], body)
        undo.bind(cloud.google, name, "roles/iam.serviceAccountTokenCreator", self.member)
        return email

    def token_of(self, email: str) -> str:
        body = {"scope": ["https://www.googleapis.com/auth/cloud-platform"], "lifetime": "3600s"}
        said = self.cloud.google.done("POST", f"{_CREDENTIALS}/{email}:generateAccessToken", body)
        return str(said["accessToken"])

    def messages(self) -> list[Any]:
        name = self._subscription()
        google = self.cloud.google
        found: list[Any] = []
        for _ in range(_PAGES):
            asked = {"maxMessages": 100, "returnImmediately": True}
            received = google.done("POST", f"{_PUBSUB}/{name}:pull", asked)
            if not (messages := received.get("receivedMessages", [])):
                break
            found += [_message(each["message"]) for each in messages]
            acknowledged = {"ackIds": [each["ackId"] for each in messages]}
            google.done("POST", f"{_PUBSUB}/{name}:acknowledge", acknowledged)
        return found

    def entries(self, matching: str, since: datetime, until: datetime) -> list[dict[str, Any]]:
        span = f'timestamp>="{since.isoformat()}" AND timestamp<="{until.isoformat()}"'
        body: dict[str, Any] = {
            "resourceNames": [f"projects/{self.cloud.project}"],
            "filter": f"{matching} AND {span}",
            "orderBy": "timestamp asc",
            "pageSize": 1000,
        }
        found: list[dict[str, Any]] = []
        for _ in range(_PAGES):
            page = self.cloud.google.done("POST", _LOGGING, body)
            found += page.get("entries", [])
            if not page.get("nextPageToken"):
                break
            body["pageToken"] = page["nextPageToken"]
        return found

    def _log(self) -> None:
        """Audit logs of data, and platform logs, of Artifact Registry: both are off by default."""
        if self._found:
            return
        undo.log_data_access(self.cloud)
        url = f"{_AR}/{self.cloud.location}/projectConfig"
        before = self.cloud.google.ask("GET", url)
        state = before.json().get("platformLogsConfig", {}) if before.is_good else {}
        if before.is_good and state.get("loggingState") != "ENABLED":
            masked = f"{url}?updateMask=platformLogsConfig"
            self.cloud.undo({"kind": "patch", "url": masked, "body": {"platformLogsConfig": state}})
            wanted = {"loggingState": "ENABLED", "severityLevel": "INFO"}
            self.cloud.google.done("PATCH", masked, {"platformLogsConfig": wanted})

    def _repository(self, short: str, mode: str, **config: Any) -> Mirror:
        if short in self._found:
            return self._found[short]
        cloud = self.cloud
        parent = f"{cloud.location}/repositories/{cloud.run}-{short}"
        if not self._exists(f"{_AR}/{parent}"):
            cloud.delete_later(f"{_AR}/{parent}")
            url = f"{_AR}/{cloud.location}/repositories?repositoryId={cloud.run}-{short}"
            body = {"format": "DOCKER", "mode": mode, **config}
            cloud.google.done_soon("POST", url, body)
        registry = Registry(
            http=cloud.http,
            host=f"{cloud.region}-docker.pkg.dev",
            prefix=f"{cloud.project.replace(':', '/')}/{cloud.run}-{short}/",
            bearer=cloud.google.token,
        )
        self._found[short] = Mirror(registry=registry, parent=parent)
        return self._found[short]

    def _credentials(self) -> dict[str, Any]:
        """Docker Hub's, in a secret that Artifact Registry's agent may read."""
        cloud = self.cloud
        user, password = cloud.hub.login or ("", "")
        name = f"{_SECRETS}/projects/{cloud.project}/secrets/{cloud.run}-hub"
        if not self._exists(name):
            cloud.delete_later(name)
            body: dict[str, Any] = {"replication": {"automatic": {}}}
            cloud.google.done("POST", f"{name.rpartition('/')[0]}?secretId={cloud.run}-hub", body)
            payload = {"payload": {"data": base64.b64encode(password.encode()).decode()}}
            cloud.google.done("POST", f"{name}:addVersion", payload)
            agent = (
                f"{_USAGE}/v1beta1/projects/{cloud.number}/services/artifactregistry.googleapis.com"
            )
            cloud.google.done("POST", f"{agent}:generateServiceIdentity")
            member = f"service-{cloud.number}@gcp-sa-artifactregistry.iam.gserviceaccount.com"
            undo.bind(
                cloud.google, name, "roles/secretmanager.secretAccessor", f"serviceAccount:{member}"
            )
        version = f"projects/{cloud.project}/secrets/{cloud.run}-hub/versions/latest"
        return {"usernamePasswordCredentials": {"username": user, "passwordSecretVersion": version}}

    def _subscription(self) -> str:
        cloud = self.cloud
        topic = f"projects/{cloud.project}/topics/gcr"
        name = f"projects/{cloud.project}/subscriptions/{cloud.run}-gcr"
        if not self._exists(f"{_PUBSUB}/{topic}"):
            cloud.delete_later(f"{_PUBSUB}/{topic}")
            cloud.google.done("PUT", f"{_PUBSUB}/{topic}", {})
        if not self._exists(f"{_PUBSUB}/{name}"):
            cloud.delete_later(f"{_PUBSUB}/{name}")
            cloud.google.done("PUT", f"{_PUBSUB}/{name}", {"topic": topic})
        return name

    def _exists(self, url: str) -> bool:
        answer = self.cloud.google.ask("GET", url)
        if answer.status not in _UNIQUE:
            raise ApiRefused(url, answer)
        return _UNIQUE[answer.status]


def _message(message: dict[str, Any]) -> Any:
    content = base64.b64decode(message.get("data", ""))
    try:
        return json.loads(content)
    except ValueError:
        return content.decode(errors="replace")
