"""L7: what the platform gives a function, and how fast one starts.

https://cloud.google.com/functions/docs/reference/rest/v2/projects.locations.functions
"""

import io
import statistics
import time
import zipfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from tests.live import undo
from tests.live.eventing import subscription_fields
from tests.live.experiment import UNTIL_GRANTED, Bench, Cost, Experiment, Step
from tests.live.http import Answer

_FUNCTIONS = "https://cloudfunctions.googleapis.com/v2"
_RUN = "https://run.googleapis.com/v2"
_PUBSUB = "https://pubsub.googleapis.com/v1"
_EVENTARC = "https://eventarc.googleapis.com/v1"
_IDENTITY = "https://iamcredentials.googleapis.com/v1/projects/-/serviceAccounts"
_SOURCE = Path(__file__).with_name("function_source.py")
_PINNED = "functions-framework==3.10.*\ncloudevents<=1.12.0\n"
_RUNTIME = "python311"
_COLD = 20
_SIZES = ("256Mi", "512Mi")


def archive() -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("main.py", _SOURCE.read_text())
        file.writestr("requirements.txt", _PINNED)
    return packed.getvalue()


def _deploy(bench: Bench, short: str, entry: str, config: dict[str, Any], **more: Any) -> Any:
    """The function, once it is built."""
    cloud = bench.cloud
    name = f"{cloud.location}/functions/{cloud.run}-{short}"
    place = f"{_FUNCTIONS}/{cloud.location}/functions"
    upload = cloud.google.done("POST", f"{place}:generateUploadUrl", {})
    # Signed: it takes no credentials, and refuses another content type.
    sent = cloud.http.send(
        "PUT", upload["uploadUrl"], {"Content-Type": "application/zip"}, archive()
    )
    bench.notes["uploaded"] = sent.status
    cloud.delete_later(f"{_FUNCTIONS}/{name}")
    body = {
        "name": name,
        "buildConfig": {
            "runtime": _RUNTIME,
            "entryPoint": entry,
            "source": {"storageSource": upload["storageSource"]},
        },
        "serviceConfig": {"maxInstanceCount": _COLD, **config},
        **more,
    }
    return cloud.google.done("POST", f"{place}?functionId={cloud.run}-{short}", body)


def _deploy_http(short: str, memory: str) -> Callable[[Bench], None]:
    def run(bench: Bench) -> None:
        config = {"availableMemory": memory, "maxInstanceRequestConcurrency": 1}
        made = _deploy(bench, short, "live", config)
        bench.notes["url"] = made["serviceConfig"]["uri"]
        bench.notes["caller"] = email = bench.ground.account("caller")
        service = f"{_RUN}/{made['serviceConfig']['service']}"
        undo.bind(bench.cloud.google, service, "roles/run.invoker", f"serviceAccount:{email}")

    return run


def _ask(bench: Bench, token: str) -> Answer:
    return bench.cloud.http.send("GET", bench.notes["url"], {"Authorization": f"Bearer {token}"})


def _token(bench: Bench) -> str:
    """Of the account that may call, for the function alone."""
    url = f"{_IDENTITY}/{bench.notes['caller']}:generateIdToken"
    body = {"audience": bench.notes["url"], "includeEmail": True}
    return str(bench.cloud.google.done("POST", url, body)["token"])


def _look_around(bench: Bench) -> None:
    said = _ask(bench, _token(bench)).json()
    bench.answer(
        "U28",
        asked=said["asked"],
        cpu_count=said["cpu_count"],
        default_threads=4 * said["cpu_count"],
        environment=said["environment"],
    )
    bench.answer(
        "U30",
        bytecode_of_packages=said["bytecode_of_packages"],
        bytecode_of_source=said["bytecode_of_source"],
        import_to_request=said["import_to_request"],
    )


def _cold(memory: str) -> Callable[[Bench], None]:
    """All at once: an instance serves one request, so that each of them starts another."""

    def run(bench: Bench) -> None:
        token = _token(bench)

        def timed(_: int) -> tuple[float, Answer]:
            began = time.monotonic()
            answer = _ask(bench, token)
            return time.monotonic() - began, answer

        with ThreadPoolExecutor(_COLD) as pool:
            answers = list(pool.map(timed, range(_COLD)))
        good = [(seconds, answer.json()) for seconds, answer in answers if answer.status == 200]
        # A process that waited for its request is warm: it was there before.
        cold = [(seconds, said) for seconds, said in good if said["import_to_request"] < seconds]
        bench.answer("U33", **{memory: cold_starts(cold), f"{memory}_refused": _COLD - len(good)})

    return run


def cold_starts(measured: list[tuple[float, Any]]) -> dict[str, Any]:
    """Seconds to the answer, with the two that the function sleeps, and its peak memory.

    >>> cold_starts([])
    {'count': 0}
    """
    if len(measured) < 2:
        return {"count": len(measured)}
    seconds = sorted(each for each, _ in measured)
    return {
        "count": len(seconds),
        "p50": round(statistics.median(seconds), 2),
        "p95": round(statistics.quantiles(seconds, n=20)[-1], 2),
        "process_age_p50": round(statistics.median(said["process_age"] for _, said in measured), 2),
        "peak_mib": max(said["peak_kib"] for _, said in measured) // 1024,
    }


def _deploy_to_topic(bench: Bench) -> None:
    cloud = bench.cloud
    topic = f"projects/{cloud.project}/topics/{cloud.run}-function"
    cloud.delete_later(f"{_PUBSUB}/{topic}")
    cloud.google.done("PUT", f"{_PUBSUB}/{topic}", {})
    trigger = {
        "eventType": "google.cloud.pubsub.topic.v1.messagePublished",
        "pubsubTopic": topic,
        "retryPolicy": "RETRY_POLICY_RETRY",
    }
    made = _deploy(bench, "topic", "hear", {"availableMemory": "256Mi"}, eventTrigger=trigger)
    name = made["eventTrigger"]["trigger"]
    read = cloud.google.read(f"{_EVENTARC}/{name}")
    subscription = read["transport"]["pubsub"]["subscription"]
    bench.answer("U29", functions_api=subscription_fields(bench, subscription))


_FUNCTION = "functions of the 2nd generation: builds, an archive in Cloud Storage, an image"

EXPERIMENTS = (
    Experiment(
        name="function-platform",
        bundle="L7",
        questions={
            "U28": "Is CLOUD_RUN_TIMEOUT_SECONDS set, and how many cpus does a function see?",
            "U30": "Does the buildpack ship bytecode?",
        },
        creates=(_FUNCTION, "an account that may call it"),
        cost=Cost.CENTS,
        steps=(
            Step(run=_deploy_http("platform", "256Mi")),
            Step(run=_look_around, after=UNTIL_GRANTED),
        ),
    ),
    *(
        Experiment(
            name=f"cold-starts-{memory.lower()}",
            bundle="L7",
            questions={"U33": f"How long are cold starts with {memory}, and how much is used?"},
            creates=(_FUNCTION, f"up to {_COLD} instances for seconds"),
            cost=Cost.CENTS,
            steps=(
                Step(run=_deploy_http(f"cold-{memory.lower()}", memory)),
                Step(run=_cold(memory), after=UNTIL_GRANTED),
            ),
        )
        for memory in _SIZES
    ),
    Experiment(
        name="function-subscription",
        bundle="L7",
        questions={"U29": "What is the subscription of a function that the Functions API made?"},
        creates=(_FUNCTION, "a topic"),
        cost=Cost.CENTS,
        steps=(Step(run=_deploy_to_topic),),
    ),
)
