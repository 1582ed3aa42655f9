"""The fields of a deploy that are flags of ``gcloud run deploy``, each with the flag it is.

https://docs.cloud.google.com/sdk/gcloud/reference/run/deploy. Where a flag has a syntax of its own,
the field is JSON's list or object instead. docs/flags.md and the command line's flags are made from
here.
"""

from typing import Annotated, Literal

from msgspec import UNSET, Meta, Struct, UnsetType
from msgspec.inspect import Metadata, StructType, type_info

from transship.model.probes import ContainerProbe
from transship.model.secrets import SecretKey, SecretVersion
from transship.model.volumes import Volume, VolumeName

EnvName = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=1024,
        pattern=r"^[A-Za-z_][A-Za-z0-9_.-]*\Z",
        examples=["LOG_LEVEL"],
    ),
]
Label = Annotated[str, Meta(max_length=63, pattern=r"^[a-z0-9_-]*\Z", examples=["blue"])]
LabelKey = Annotated[
    str, Meta(min_length=1, max_length=63, pattern=r"^[a-z][a-z0-9_-]*\Z", examples=["team"])
]
Tag = Annotated[str, Meta(pattern=r"^[a-z]([a-z0-9-]{0,61}[a-z0-9])?\Z", examples=["stable"])]


def flag(name: str, about: str) -> Meta:
    """gcloud's *name* of a field, and a sentence for people."""
    return Meta(description=about, extra={"flag": name})


class RunFlags(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    image: Annotated[
        str,
        Meta(
            min_length=1,
            max_length=1024,
            examples=["nginx:1.27", "docker.io/dockersamples/static-site"],
        ),
        flag("--image", "an image as Docker writes it"),
    ]
    service: (
        Annotated[str, flag("SERVICE", "The service's name; the image's last component.")]
        | UnsetType
    ) = UNSET
    project: Annotated[str, flag("--project", "The project's id.")] | UnsetType = UNSET
    region: Annotated[str, flag("--region", "The service's region.")] | UnsetType = UNSET

    allow_unauthenticated: (
        Annotated[
            bool, flag("--[no-]allow-unauthenticated", "Whether everybody may invoke the service.")
        ]
        | UnsetType
    ) = UNSET
    args: (
        Annotated[list[str], flag("--args", "What the container's entry point is given.")]
        | UnsetType
    ) = UNSET
    binary_authorization: (
        Annotated[
            str,
            Meta(
                pattern=r"^(default|projects/[a-z0-9.:-]+/platforms/cloudRun/[A-Za-z0-9_-]+)?\Z",
                examples=["default"],
            ),
            flag("--binary-authorization", "`default`, or a policy; empty switches it off."),
        ]
        | UnsetType
    ) = UNSET
    breakglass: (
        Annotated[
            str,
            Meta(max_length=1000),
            flag("--breakglass", "Why binary authorization is passed by; empty: it is not."),
        ]
        | UnsetType
    ) = UNSET
    cloudsql_instances: (
        Annotated[
            list[str],
            flag("--set-cloudsql-instances", "All Cloud SQL instances; others are removed."),
        ]
        | UnsetType
    ) = UNSET
    command: (
        Annotated[list[str], flag("--command", "The entry point, instead of the image's.")]
        | UnsetType
    ) = UNSET
    concurrency: (
        Annotated[
            int,
            Meta(ge=1, le=1000),
            flag("--concurrency", "How many requests an instance takes at once."),
        ]
        | UnsetType
    ) = UNSET
    cpu: (
        Annotated[str | int | float, flag("--cpu", "Processors of an instance: 1, 0.5, 500m.")]
        | UnsetType
    ) = UNSET
    cpu_boost: (
        Annotated[bool, flag("--[no-]cpu-boost", "More processor while an instance starts.")]
        | UnsetType
    ) = UNSET
    cpu_throttling: (
        Annotated[bool, flag("--[no-]cpu-throttling", "Processor only while there are requests.")]
        | UnsetType
    ) = UNSET
    default_url: (
        Annotated[bool, flag("--[no-]default-url", "Whether it has its run.app address.")]
        | UnsetType
    ) = UNSET
    description: (
        Annotated[
            str, Meta(max_length=512), flag("--description", "What people read about the service.")
        ]
        | UnsetType
    ) = UNSET
    env_vars: (
        Annotated[
            dict[EnvName, str],
            flag("--set-env-vars", "All environment variables; others are removed, not secrets."),
        ]
        | UnsetType
    ) = UNSET
    execution_environment: (
        Annotated[Literal["gen1", "gen2"], flag("--execution-environment", "The sandbox.")]
        | UnsetType
    ) = UNSET
    gpu: (
        Annotated[int, Meta(ge=0, le=8), flag("--gpu", "GPUs of an instance; 0: none.")] | UnsetType
    ) = UNSET
    gpu_type: Annotated[str, flag("--gpu-type", "For example nvidia-l4.")] | UnsetType = UNSET
    gpu_zonal_redundancy: (
        Annotated[bool, flag("--[no-]gpu-zonal-redundancy", "GPUs kept in a second zone.")]
        | UnsetType
    ) = UNSET
    ingress: (
        Annotated[
            Literal["all", "internal", "internal-and-cloud-load-balancing"],
            flag("--ingress", "Where requests may come from."),
        ]
        | UnsetType
    ) = UNSET
    invoker_iam_check: (
        Annotated[
            bool, flag("--[no-]invoker-iam-check", "Without it everybody may invoke the service.")
        ]
        | UnsetType
    ) = UNSET
    labels: (
        Annotated[dict[LabelKey, Label], flag("--labels", "Labels to add or change.")] | UnsetType
    ) = UNSET
    liveness_probe: (
        Annotated[
            ContainerProbe, flag("--liveness-probe", "Failing it restarts an instance; {}: none.")
        ]
        | UnsetType
    ) = UNSET
    max: (
        Annotated[
            int,
            Meta(ge=1, le=1000),
            flag("--max", "The most instances, of all revisions together."),
        ]
        | UnsetType
    ) = UNSET
    max_instances: (
        Annotated[
            int, Meta(ge=1, le=1000), flag("--max-instances", "The most instances of a revision.")
        ]
        | UnsetType
    ) = UNSET
    memory: Annotated[str, flag("--memory", "Memory of an instance: 512Mi, 1Gi.")] | UnsetType = (
        UNSET
    )
    min: (
        Annotated[
            int,
            Meta(ge=0, le=1000),
            flag("--min", "Instances kept while nobody asks, of all revisions together."),
        ]
        | UnsetType
    ) = UNSET
    min_instances: (
        Annotated[
            int,
            Meta(ge=0, le=1000),
            flag("--min-instances", "Instances of a revision that are kept while nobody asks."),
        ]
        | UnsetType
    ) = UNSET
    network: (
        Annotated[str, flag("--network", "The VPC network to send to; empty: none.")] | UnsetType
    ) = UNSET
    network_tags: (
        Annotated[list[Tag], flag("--network-tags", "The tags that firewall rules see.")]
        | UnsetType
    ) = UNSET
    port: (
        Annotated[
            int,
            Meta(ge=1, le=65535),
            flag("--port", "Where the container listens; the image's one exposed port."),
        ]
        | UnsetType
    ) = UNSET
    readiness_probe: (
        Annotated[
            ContainerProbe,
            flag("--readiness-probe", "Failing it takes requests from an instance; {}: none."),
        ]
        | UnsetType
    ) = UNSET
    remove_env_vars: (
        Annotated[list[EnvName], flag("--remove-env-vars", "Environment variables to remove.")]
        | UnsetType
    ) = UNSET
    remove_secrets: (
        Annotated[
            list[SecretKey], flag("--remove-secrets", "Variables and files of secrets to remove.")
        ]
        | UnsetType
    ) = UNSET
    scaling: (
        Annotated[
            Literal["auto"] | Annotated[int, Meta(ge=0, le=1000)],
            flag("--scaling", "`auto`, or how many instances there are."),
        ]
        | UnsetType
    ) = UNSET
    secrets: (
        Annotated[
            dict[SecretKey, SecretVersion],
            flag("--set-secrets", "All secrets, by variable or /DIRECTORY/FILE; others go."),
        ]
        | UnsetType
    ) = UNSET
    service_account: (
        Annotated[str, flag("--service-account", "The account that the service runs as.")]
        | UnsetType
    ) = UNSET
    session_affinity: (
        Annotated[bool, flag("--[no-]session-affinity", "A client returns to its instance.")]
        | UnsetType
    ) = UNSET
    startup_probe: (
        Annotated[
            ContainerProbe,
            flag("--startup-probe", "Passing it makes an instance ready; {}: the port is open."),
        ]
        | UnsetType
    ) = UNSET
    subnet: Annotated[str, flag("--subnet", "The subnet to have addresses in.")] | UnsetType = UNSET
    timeout: (
        Annotated[str | int, flag("--timeout", "How long a request may take: 300, 5m.")] | UnsetType
    ) = UNSET
    update_env_vars: (
        Annotated[
            dict[EnvName, str],
            flag("--update-env-vars", "Environment variables to add or change."),
        ]
        | UnsetType
    ) = UNSET
    update_secrets: (
        Annotated[
            dict[SecretKey, SecretVersion],
            flag("--update-secrets", "Secrets to add or change, by variable or file."),
        ]
        | UnsetType
    ) = UNSET
    use_http2: (
        Annotated[bool, flag("--[no-]use-http2", "HTTP/2 to the container, without TLS.")]
        | UnsetType
    ) = UNSET
    volumes: (
        Annotated[
            dict[VolumeName, Volume],
            flag("--clear-volumes --add-volume", "All volumes, by name; others are removed."),
        ]
        | UnsetType
    ) = UNSET
    vpc_connector: (
        Annotated[str, flag("--vpc-connector", "The connector to a network; empty: none.")]
        | UnsetType
    ) = UNSET
    vpc_egress: (
        Annotated[
            Literal["all-traffic", "private-ranges-only"],
            flag("--vpc-egress", "What goes through the network."),
        ]
        | UnsetType
    ) = UNSET


def _gcloud() -> dict[str, str]:
    struct = type_info(RunFlags)
    assert isinstance(struct, StructType)  # noqa: S101 - it is one
    said = {field.name: field.type for field in struct.fields}
    return {
        name: str((kind.extra or {})["flag"])
        for name, kind in said.items()
        if isinstance(kind, Metadata)
    }


# The fields and gcloud's flags for them.
GCLOUD = _gcloud()
