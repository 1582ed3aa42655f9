"""The table of docs/flags.md, made of the message and of the settings: ``python -m tools.flags``.

Committed, so that people can read it where they read the rest; ``--check`` writes nothing, and
fails where it is not what the code says.
"""

import argparse
import sys
from pathlib import Path

from transship.clients.run_template import SETTINGS
from transship.model.messages import DeployRequest
from transship.model.run_flags import GCLOUD

FLAGS = Path(__file__).resolve().parents[1] / "docs" / "flags.md"

# Fields that are no setting of the service, and what they are instead.
_ELSEWHERE = {
    "image": "template.containers[].image, by digest and in the mirror",
    "service": "name",
    "project": "name",
    "region": "name",
    "allow_unauthenticated": "IAM: allUsers has roles/run.invoker",
}
# What policy has to allow; the rest needs no permission.
POLICY = {
    "image": "images",
    "project": "targets",
    "region": "targets",
    "allow_unauthenticated": "public",
    "binary_authorization": "breakglass, unless `default`",
    "breakglass": "breakglass",
    "cloudsql_instances": "volumes.cloudsql_instances",
    "concurrency": "caps.concurrency",
    "cpu": "caps.cpu",
    "gpu": "caps.gpu",
    "invoker_iam_check": "public, where false",
    "max": "caps.max_instances",
    "max_instances": "caps.max_instances",
    "memory": "caps.memory",
    "min": "caps.min_instances",
    "min_instances": "caps.min_instances",
    "network": "networks",
    "network_tags": "network_tags",
    "scaling": "caps.min_instances",
    "secrets": "secrets",
    "service_account": "runtime_accounts",
    "subnet": "networks",
    "timeout": "caps.timeout",
    "update_secrets": "secrets",
    "volumes": "volumes.buckets, volumes.nfs",
    "vpc_connector": "networks",
    "vpc_egress": "networks: any",
}

_HEAD = "| gcloud | field | API | policy |\n| --- | --- | --- | --- |\n"
_BEGIN, _END = "<!-- made by python -m tools.flags -->\n", "<!-- end -->\n"


def table() -> str:
    places = {setting.name: ", ".join(f"`{f}`" for f in setting.fields) for setting in SETTINGS}
    rows = []
    for name in DeployRequest.__struct_fields__:
        if name in GCLOUD:
            setting = name.removeprefix("update_").removeprefix("remove_")
            place = _ELSEWHERE.get(name) or places[setting]

            rows.append(f"| `{GCLOUD[name]}` | `{name}` | {place} | {POLICY.get(name, '')} |\n")
    return _HEAD + "".join(rows)


def rendered() -> str:
    """The page as it is, with the table as it should be."""
    above, _, rest = FLAGS.read_text().partition(_BEGIN)
    _, _, below = rest.partition(_END)
    return f"{above}{_BEGIN}{table()}{_END}{below}"


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition(":")[0])
    parser.add_argument("--check", action="store_true", help="write nothing, compare")
    if not parser.parse_args(arguments).check:
        FLAGS.write_text(rendered())
        return 0
    if FLAGS.read_text() == rendered():
        return 0
    print(f"{FLAGS.name} is not what the code says; right is: python -m tools.flags")
    return 1


if __name__ == "__main__":
    sys.exit(main())
