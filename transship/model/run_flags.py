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
    service: Annotated[
        str | UnsetType, flag("SERVICE", "The service's name; the image's last component.")
    ] = UNSET
    project: Annotated[str | UnsetType, flag("--project", "The project's id.")] = UNSET
    region: Annotated[str | UnsetType, flag("--region", "The service's region.")] = UNSET

    allow_unauthenticated: Annotated[
        bool | UnsetType,
        flag("--[no-]allow-unauthenticated", "Whether everybody may invoke the service."),
    ] = UNSET
    args: Annotated[
        list[str] | UnsetType, flag("--args", "What the container's entry point is given.")
    ] = UNSET
    binary_authorization: Annotated[
        Annotated[
            str,
            Meta(pattern=r"^(default|projects/[a-z0-9.:-]+/platforms/cloudRun/[A-Za-z0-9_-]+)?\Z"),
        ]
        | UnsetType,
        Meta(examples=["default"]),
        flag("--binary-authorization", "`default`, or a policy; empty switches it off."),
    ] = UNSET
    breakglass: Annotated[
        Annotated[str, Meta(max_length=1000)] | UnsetType,
        flag("--breakglass", "Why binary authorization is passed by; empty: it is not."),
    ] = UNSET
    cloudsql_instances: Annotated[
        list[str] | UnsetType,
        flag("--set-cloudsql-instances", "All Cloud SQL instances; others are removed."),
    ] = UNSET
    command: Annotated[
        list[str] | UnsetType, flag("--command", "The entry point, instead of the image's.")
    ] = UNSET
    concurrency: Annotated[
        Annotated[int, Meta(ge=1, le=1000)] | UnsetType,
        flag("--concurrency", "How many requests an instance takes at once."),
    ] = UNSET
    cpu: Annotated[
        str | int | float | UnsetType, flag("--cpu", "Processors of an instance: 1, 0.5, 500m.")
    ] = UNSET
    cpu_boost: Annotated[
        bool | UnsetType, flag("--[no-]cpu-boost", "More processor while an instance starts.")
    ] = UNSET
    cpu_throttling: Annotated[
        bool | UnsetType, flag("--[no-]cpu-throttling", "Processor only while there are requests.")
    ] = UNSET
    default_url: Annotated[
        bool | UnsetType, flag("--[no-]default-url", "Whether it has its run.app address.")
    ] = UNSET
    description: Annotated[
        Annotated[str, Meta(max_length=512)] | UnsetType,
        flag("--description", "What people read about the service."),
    ] = UNSET
    env_vars: Annotated[
        dict[EnvName, str] | UnsetType,
        flag("--set-env-vars", "All environment variables; others are removed, not secrets."),
    ] = UNSET
    execution_environment: Annotated[
        Literal["gen1", "gen2"] | UnsetType, flag("--execution-environment", "The sandbox.")
    ] = UNSET
    gpu: Annotated[
        Annotated[int, Meta(ge=0, le=8)] | UnsetType, flag("--gpu", "GPUs of an instance; 0: none.")
    ] = UNSET
    gpu_type: Annotated[str | UnsetType, flag("--gpu-type", "For example nvidia-l4.")] = UNSET
    gpu_zonal_redundancy: Annotated[
        bool | UnsetType, flag("--[no-]gpu-zonal-redundancy", "GPUs kept in a second zone.")
    ] = UNSET
    ingress: Annotated[
        Literal["all", "internal", "internal-and-cloud-load-balancing"] | UnsetType,
        flag("--ingress", "Where requests may come from."),
    ] = UNSET
    invoker_iam_check: Annotated[
        bool | UnsetType,
        flag("--[no-]invoker-iam-check", "Without it everybody may invoke the service."),
    ] = UNSET
    labels: Annotated[
        dict[LabelKey, Label] | UnsetType, flag("--labels", "Labels to add or change.")
    ] = UNSET
    liveness_probe: Annotated[
        ContainerProbe | UnsetType,
        flag("--liveness-probe", "Failing it restarts an instance; {}: none."),
    ] = UNSET
    max: Annotated[
        Annotated[int, Meta(ge=1, le=1000)] | UnsetType,
        flag("--max", "The most instances, of all revisions together."),
    ] = UNSET
    max_instances: Annotated[
        Annotated[int, Meta(ge=1, le=1000)] | UnsetType,
        flag("--max-instances", "The most instances of a revision."),
    ] = UNSET
    memory: Annotated[str | UnsetType, flag("--memory", "Memory of an instance: 512Mi, 1Gi.")] = (
        UNSET
    )
    min: Annotated[
        Annotated[int, Meta(ge=0, le=1000)] | UnsetType,
        flag("--min", "Instances kept while nobody asks, of all revisions together."),
    ] = UNSET
    min_instances: Annotated[
        Annotated[int, Meta(ge=0, le=1000)] | UnsetType,
        flag("--min-instances", "Instances of a revision that are kept while nobody asks."),
    ] = UNSET
    network: Annotated[
        str | UnsetType, flag("--network", "The VPC network to send to; empty: none.")
    ] = UNSET
    network_tags: Annotated[
        list[Tag] | UnsetType, flag("--network-tags", "The tags that firewall rules see.")
    ] = UNSET
    port: Annotated[
        Annotated[int, Meta(ge=1, le=65535)] | UnsetType,
        flag("--port", "Where the container listens; the image's one exposed port."),
    ] = UNSET
    readiness_probe: Annotated[
        ContainerProbe | UnsetType,
        flag("--readiness-probe", "Failing it takes requests from an instance; {}: none."),
    ] = UNSET
    remove_env_vars: Annotated[
        list[EnvName] | UnsetType, flag("--remove-env-vars", "Environment variables to remove.")
    ] = UNSET
    remove_secrets: Annotated[
        list[SecretKey] | UnsetType,
        flag("--remove-secrets", "Variables and files of secrets to remove."),
    ] = UNSET
    scaling: Annotated[
        Literal["auto"] | Annotated[int, Meta(ge=0, le=1000)] | UnsetType,
        flag("--scaling", "`auto`, or how many instances there are."),
    ] = UNSET
    secrets: Annotated[
        dict[SecretKey, SecretVersion] | UnsetType,
        flag("--set-secrets", "All secrets, by variable or /DIRECTORY/FILE; others go."),
    ] = UNSET
    service_account: Annotated[
        str | UnsetType, flag("--service-account", "The account that the service runs as.")
    ] = UNSET
    session_affinity: Annotated[
        bool | UnsetType, flag("--[no-]session-affinity", "A client returns to its instance.")
    ] = UNSET
    startup_probe: Annotated[
        ContainerProbe | UnsetType,
        flag("--startup-probe", "Passing it makes an instance ready; {}: the port is open."),
    ] = UNSET
    subnet: Annotated[str | UnsetType, flag("--subnet", "The subnet to have addresses in.")] = UNSET
    timeout: Annotated[
        str | int | UnsetType, flag("--timeout", "How long a request may take: 300, 5m.")
    ] = UNSET
    update_env_vars: Annotated[
        dict[EnvName, str] | UnsetType,
        flag("--update-env-vars", "Environment variables to add or change."),
    ] = UNSET
    update_secrets: Annotated[
        dict[SecretKey, SecretVersion] | UnsetType,
        flag("--update-secrets", "Secrets to add or change, by variable or file."),
    ] = UNSET
    use_http2: Annotated[
        bool | UnsetType, flag("--[no-]use-http2", "HTTP/2 to the container, without TLS.")
    ] = UNSET
    volumes: Annotated[
        dict[VolumeName, Volume] | UnsetType,
        flag("--clear-volumes --add-volume", "All volumes, by name; others are removed."),
    ] = UNSET
    vpc_connector: Annotated[
        str | UnsetType, flag("--vpc-connector", "The connector to a network; empty: none.")
    ] = UNSET
    vpc_egress: Annotated[
        Literal["all-traffic", "private-ranges-only"] | UnsetType,
        flag("--vpc-egress", "What goes through the network."),
    ] = UNSET


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
