"""Variables, secrets, volumes and databases: what a write replaces, keeps and takes away."""

from google.cloud import run_v2

from local import world
from tests.contract.services_messages import SECRETS, VOLUMES, put, settings
from tests.fixtures.cloud_run import NEW, TWO, World, container, of, wanted


def env(template: run_v2.RevisionTemplate) -> dict[str, str]:
    """The variables; a secret's by what it names."""
    return {
        v.name: (
            f"{v.value_source.secret_key_ref.secret}:{v.value_source.secret_key_ref.version}"
            if "value_source" in v
            else v.value
        )
        for v in template.containers[0].env
    }


def test_secrets_are_replaced_and_plain_variables_stay(at: World) -> None:
    first = settings(env_vars={"A": "1"}, secrets={"OLD": "old:1", "/etc/old/file": "old:1"})
    at.services.create(wanted(settings=first.over(NEW)))

    template = put(at, secrets={"NEW": "new:2"})

    assert env(template) == {"A": "1", "NEW": "new:2"}
    assert not template.volumes
    assert not template.containers[0].volume_mounts


def test_a_variable_becomes_a_secret_in_one_write(at: World) -> None:
    at.services.create(wanted(settings=settings(env_vars={"KEY": "plain"}).over(NEW)))

    assert env(put(at, secrets={"KEY": "key:1"})) == {"KEY": "key:1"}


def test_a_secret_becomes_a_variable_in_one_write(at: World) -> None:
    at.services.create(wanted(settings=settings(secrets={"KEY": "key:1"}).over(NEW)))

    assert env(put(at, env_vars={"KEY": "plain"})) == {"KEY": "plain"}


def test_files_of_one_directory_are_one_volume(at: World) -> None:
    at.services.create(wanted())

    template = put(at, secrets=SECRETS)

    (volume,) = template.volumes
    (mount,) = template.containers[0].volume_mounts
    assert (mount.name, mount.mount_path) == (volume.name, "/etc/keys")
    assert volume.secret.secret == "token"
    assert {item.path: item.version for item in volume.secret.items} == {
        "token": "latest",
        "old": "3",
    }


def test_a_secret_volume_without_items_is_a_file_of_the_secrets_name(at: World) -> None:
    source = run_v2.SecretVolumeSource(secret="projects/sample-project/secrets/token")
    theirs = of(
        container(volume_mounts=[run_v2.VolumeMount(name="keys", mount_path="/etc/keys")]),
    )
    theirs.template.volumes = [run_v2.Volume(name="keys", secret=source)]
    at.make(theirs)

    template = put(at, secrets={"/etc/keys/token": "token:latest"})

    assert template.volumes[0].name == "keys", "as asked for, and left as it was written"


def shared() -> run_v2.Service:
    """Two containers with a volume and a secret's, which the sidecar mounts too."""
    mounts = [
        run_v2.VolumeMount(name="both", mount_path="/both"),
        run_v2.VolumeMount(name="keys", mount_path="/keys"),
    ]
    alone = run_v2.VolumeMount(name="alone", mount_path="/alone")
    service = of(
        container(name="main", ports=[run_v2.ContainerPort()], volume_mounts=mounts),
        container(f"{world.MIRROR}/sidecar@{TWO}", name="sidecar", volume_mounts=[*mounts, alone]),
    )
    service.template.volumes = [
        run_v2.Volume(name="both", empty_dir=run_v2.EmptyDirVolumeSource()),
        run_v2.Volume(name="alone", gcs=run_v2.GCSVolumeSource(bucket="theirs")),
        run_v2.Volume(name="keys", secret=run_v2.SecretVolumeSource(secret="token")),
    ]
    return service


def test_volumes_that_other_containers_mount_are_kept(at: World) -> None:
    at.make(shared())
    before = at.said().template

    template = put(at, volumes={}, secrets={})

    assert not template.containers[0].volume_mounts
    assert template.containers[1] == before.containers[1]
    assert template.volumes == before.volumes


def test_volumes_of_other_containers_are_none_that_a_message_names(at: World) -> None:
    theirs = at.make(shared())

    assert [name for name, _ in theirs.settings.volumes or ()] == ["both"]


def test_a_volume_of_secrets_may_be_shared_with_another_container(at: World) -> None:
    at.services.create(wanted(settings=settings(secrets=SECRETS).over(NEW)))
    service = at.said()
    main = service.template.containers[0]
    main.name = "main"
    sidecar = container(name="sidecar", volume_mounts=list(main.volume_mounts))
    service.template.containers = [main, sidecar]
    service.template.revision = ""
    at.change(service)
    (shared_volume,) = at.said().template.volumes

    template = put(at, secrets={**SECRETS, "ADDED": "added:1"})

    assert list(template.volumes) == [shared_volume], "the same files, and so the same volume"

    first, second = put(at, secrets={"/etc/keys/token": "token:9"}).volumes
    assert first == shared_volume, "the sidecar's"
    assert [item.version for item in second.secret.items] == ["9"]


def test_volumes_are_replaced_and_secrets_and_databases_stay(at: World) -> None:
    first = settings(volumes=VOLUMES, secrets=SECRETS, cloudsql_instances=["db"])
    at.services.create(wanted(settings=first.over(NEW)))

    put(at, volumes={"cache": VOLUMES["cache"]})

    now = at.read().settings
    assert [name for name, _ in now.volumes or ()] == ["cache"]
    assert (now.secrets, now.cloudsql_instances) == (first.secrets, first.cloudsql_instances)


def test_instances_are_one_volume_at_the_path_that_clients_expect(at: World) -> None:
    at.services.create(wanted())

    template = put(at, cloudsql_instances=["db", "other"])

    (volume,), (mount,) = template.volumes, template.containers[0].volume_mounts
    assert list(volume.cloud_sql_instance.instances) == [
        f"{world.PROJECT}:{world.LOCATION}:db",
        f"{world.PROJECT}:{world.LOCATION}:other",
    ]
    assert (mount.name, mount.mount_path) == (volume.name, "/cloudsql")
    assert not put(at, cloudsql_instances=[]).volumes
