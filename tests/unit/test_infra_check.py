"""The check of Terraform against a provider's schema: each planted error is found, and named."""

import zipfile
from pathlib import Path

import pytest

from tools.terraform import check, readme, roles, rules
from tools.terraform.bindings import Bindings
from tools.terraform.configuration import Configuration, InvalidConfiguration
from tools.terraform.schema import Schema

# The shape of CDK Terrain's bindings, as far as they are read.
_BINDINGS = """
@jsii.data_type(jsii_type="...", jsii_struct_bases=[_cdktn.TerraformMetaArguments])
class HarborConfig(_cdktn.TerraformMetaArguments):
    def __init__(
        self,
        *,
        count: typing.Optional[jsii.Number] = None,
        name: builtins.str,
        berths: typing.Union["HarborBerths", typing.Dict[builtins.str, typing.Any]],
        depth: typing.Optional[jsii.Number] = None,
        flags: typing.Optional[typing.Sequence[builtins.str]] = None,
        labels: typing.Optional[typing.Mapping[builtins.str, builtins.str]] = None,
        open: typing.Optional[typing.Union[builtins.bool, "_cdktn.IResolvable"]] = None,
        tide: typing.Optional[builtins.str] = None,
        cranes: typing.Optional[typing.Union["_cdktn.IResolvable", typing.Sequence[
            typing.Union["HarborCranes", typing.Dict[builtins.str, typing.Any]]
        ]]] = None,
    ) -> None:
        \'\'\'
        :param count:
        :param name: What it is called.
        :param berths: berths block. Docs at ...
        :param depth: In metres.
        :param flags: Shown.
        :param labels: Shown too.
        :param open: Whether ships may come.
        :param tide: Possible values: ["HIGH", "LOW"] Docs at ...
        :param cranes: cranes block. Docs at ...
        \'\'\'

@jsii.data_type(jsii_type="...", jsii_struct_bases=[])
class HarborBerths:
    def __init__(self, *, count: typing.Optional[jsii.Number] = None) -> None:
        \'\'\'
        :param count: How many.
        \'\'\'

class HarborBerthsOutputReference(_cdktn.ComplexObject):
    @builtins.property
    @jsii.member(jsii_name="free")
    def free(self) -> jsii.Number: ...

@jsii.data_type(jsii_type="...", jsii_struct_bases=[])
class HarborCranes:
    def __init__(self, *, reach: jsii.Number) -> None:
        \'\'\'
        :param reach: In metres.
        \'\'\'

class Harbor(_cdktn.TerraformResource):
    @builtins.property
    @jsii.member(jsii_name="uri")
    def uri(self) -> builtins.str: ...
    @builtins.property
    @jsii.member(jsii_name="nameInput")
    def name_input(self) -> builtins.str: ...
"""
_PROVIDER = '''
@jsii.data_type(jsii_type="...", jsii_struct_bases=[])
class GoogleProviderConfig:
    def __init__(self, *, project: typing.Optional[builtins.str] = None) -> None:
        """
        :param project: The project.
        """
'''


@pytest.fixture
def schema(tmp_path: Path) -> Schema:
    wheel = tmp_path / "bindings.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("bindings/provider/__init__.py", _PROVIDER)
        archive.writestr("bindings/harbor/__init__.py", _BINDINGS)
    return Bindings(wheel).schema(
        iter([("resource", "google_harbor"), ("resource", "google_atlantis")])
    )


def configuration(folder: Path, text: str) -> Configuration:
    module = folder / "module"
    module.mkdir()
    (module / "main.tf").write_text(text)
    return Configuration.read(module)


def test_the_bindings_say_what_may_be_set_and_what_is_computed(schema: Schema) -> None:
    harbor = schema["resource"]["google_harbor"]

    assert harbor["attributes"].keys() == {
        "name", "depth", "flags", "labels", "open", "tide", "uri",
    }  # fmt: skip
    assert harbor["attributes"]["name"].get("required")
    assert harbor["attributes"]["uri"] == {"type": "string", "description": "", "computed": True}
    assert harbor["attributes"]["flags"]["type"] == ["list", "string"]
    assert harbor["attributes"]["labels"]["type"] == ["map", "string"]
    assert harbor["attributes"]["open"]["type"] == "bool"
    assert harbor["block_types"]["berths"]["max_items"] == 1
    # Terraform's own `count` is no argument of the resource, but may be one of a block.
    assert harbor["block_types"]["berths"]["block"]["attributes"].keys() == {"count", "free"}
    assert harbor["block_types"]["cranes"]["max_items"] == 0


def test_a_right_configuration_has_no_complaints(schema: Schema, tmp_path: Path) -> None:
    right = configuration(
        tmp_path,
        """
        resource "google_harbor" "right" {
          for_each = var.harbors
          name     = "north ${each.key}"
          depth    = var.depth
          flags    = ["red"]
          labels   = { a = "b" }
          open     = true
          tide     = "HIGH"
          berths { count = 3 }
          dynamic "cranes" {
            for_each = var.cranes
            content { reach = cranes.value }
          }
          lifecycle { ignore_changes = [name] }
        }
        """,
    )

    assert check.complaints(right, schema) == []


@pytest.mark.parametrize(
    ("body", "complaint"),
    [
        ('name = "n"', "the block berths is missing"),
        ("berths {}", "the argument name is missing"),
        ('name = "n"\nberths {}\nbearths {}', "no argument or block is called bearths"),
        ('name = "n"\nberths {}\ncolour = "red"', "no argument or block is called colour"),
        ('name = "n"\nberths = {}', "berths: is a block, not an argument: write berths { ... }"),
        ('name = "n"\nberths {}\nlabels {}', "labels: is an argument, not a block"),
        ('name = "n"\nberths {}\nberths {}', "berths: at most 1 block, got 2"),
        ('name = "n"\nberths {}\ncranes {}', "cranes: the argument reach is missing"),
        ('name = "n"\nberths { size = 1 }', "berths: no argument or block is called size"),
        ('name = "n"\nberths {}\ndepth = "deep"', "depth: expected a number, got 'deep'"),
        ('name = "n"\nberths {}\nopen = "ajar"', "open: expected true or false, got 'ajar'"),
        ('name = "n"\nberths {}\nflags = "red"', "flags: expected a list, got 'red'"),
        ('name = "n"\nberths {}\nlabels = ["a"]', "labels: expected a map, got ['a']"),
        ('name = ["n"]\nberths {}', "name: expected a string, got ['n']"),
        ('name = "n"\nberths {}\ntide = "EBB"', "tide: 'EBB' is none of HIGH, LOW"),
        ('name = "n"\nberths {}\nuri = "u"', "uri: is computed by the provider"),
        (
            'name = "n"\nberths {}\ndynamic "crane" {\nfor_each = []\ncontent {}\n}',
            "no block is called crane",
        ),
        (
            'name = "n"\nberths {}\ndynamic "cranes" {\nfor_each = []\ncontent { reech = 1 }\n}',
            "cranes: no argument or block is called reech",
        ),
    ],
)
def test_a_wrong_argument_is_named(
    schema: Schema, tmp_path: Path, body: str, complaint: str
) -> None:
    wrong = configuration(tmp_path, f'resource "google_harbor" "wrong" {{\n{body}\n}}')

    assert any(
        found.startswith("main.tf: google_harbor.wrong") and complaint in found
        for found in check.complaints(wrong, schema)
    )


def test_a_resource_that_the_provider_lacks_is_named(schema: Schema, tmp_path: Path) -> None:
    wrong = configuration(tmp_path, 'resource "google_atlantis" "lost" {}')

    assert check.complaints(wrong, schema) == [
        "main.tf: google_atlantis.lost: the provider has no resource google_atlantis"
    ]


def test_what_is_not_hcl_is_named_by_file(tmp_path: Path) -> None:
    with pytest.raises(InvalidConfiguration, match=r"main\.tf"):
        configuration(tmp_path, 'resource "google_harbor" {{')


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ('variable "a" { type = string }', "the variable a has no description"),
        ('variable "a" { description = "A." }', "the variable a has no type"),
        ('output "a" { value = 1 }', "the output a has no description"),
        (
            (
                'output "b" {\ndescription = "B."\nvalue = 1\n}\n'
                'output "a" {\ndescription = "A."\nvalue = 1\n}'
            ),
            "a belongs before b",
        ),
        ('locals { project = "CHANGEME" }', "main.tf:1: CHANGEME is a placeholder"),
        ('locals { project = "your-project" }', "main.tf:1: your-project is a placeholder"),
        (
            'resource "google_harbor_iam_member" "all" { member = "allUsers" }',
            "google_harbor_iam_member.all: is open to everybody",
        ),
        (
            'resource "google_project_iam_member" "e" { role = "roles/editor" }',
            "roles/editor is a basic role",
        ),
        (
            'resource "google_harbor_iam_binding" "b" { role = "roles/x" }',
            "is authoritative; use google_harbor_iam_member",
        ),
        (
            (
                "terraform {\nrequired_providers {\n"
                'google = {\nsource = "hashicorp/google"\nversion = "< 8"\n}\n}\n}'
            ),
            "'< 8' leaves out 8.7.0",
        ),
        (
            (
                "terraform {\nrequired_providers {\n"
                'random = {\nsource = "hashicorp/random"\nversion = "> 1"\n}\n}\n}'
            ),
            "the provider random cannot be checked offline",
        ),
    ],
)
def test_what_a_reviewer_would_refuse_is_named(tmp_path: Path, text: str, complaint: str) -> None:
    assert any(complaint in found for found in rules.complaints(configuration(tmp_path, text)))


_GRANTS = """
resource "google_project_iam_custom_role" "deployer" {
  role_id     = "transshipDeployer"
  permissions = ["run.services.get"]
}
resource "google_project_iam_member" "deployer" {
  role   = google_project_iam_custom_role.deployer["p"].id
}
"""
_LIST = """
| Terraform | identity | role |
| --- | --- | --- |
| `google_project_iam_member.deployer` | deployer | `transshipDeployer` |

| role | permissions |
| --- | --- |
| `transshipDeployer` | `run.services.get` |
"""


@pytest.mark.parametrize(
    ("listed", "complaints"),
    [
        (_LIST, []),
        (
            _LIST.replace("`transshipDeployer` |\n\n", "`roles/run.admin` |\n\n"),
            [
                (
                    "roles.md: google_project_iam_member.deployer says roles/run.admin;"
                    " Terraform has transshipDeployer"
                )
            ],
        ),
        (
            _LIST.replace("`run.services.get`", "`run.services.get`, `run.services.delete`"),
            [
                (
                    "roles.md: transshipDeployer says run.services.delete, run.services.get;"
                    " Terraform has run.services.get"
                )
            ],
        ),
        (
            _LIST + "| `google_x_iam_member.gone` | x | `roles/x` |\n",
            ["roles.md: google_x_iam_member.gone is in no *.tf"],
        ),
        (
            _LIST.replace("| `google_project_iam_member.deployer`", "| deployer"),
            [
                (
                    "roles.md: google_project_iam_member.deployer is missing;"
                    " Terraform has transshipDeployer"
                )
            ],
        ),
    ],
)
def test_the_list_of_roles_is_held_against_the_grants(
    tmp_path: Path, listed: str, complaints: list[str]
) -> None:
    document = tmp_path / "roles.md"
    document.write_text(listed)

    assert roles.complaints(configuration(tmp_path, _GRANTS), document) == complaints


def test_the_readmes_tables_follow_the_variables(tmp_path: Path) -> None:
    module = configuration(
        tmp_path,
        """
        variable "depth" {
          description = "How deep | in metres."
          type        = number
          default     = 3
        }
        variable "ships" {
          description = <<-EOT
            What comes.
            And goes.
          EOT
          type = map(object({ name = string }))
        }
        output "uri" {
          description = "Where it is."
          value       = 1
        }
        """,
    )
    path = tmp_path / "README.md"
    path.write_text(f"# Harbor\n\n{readme.BEGIN}\nold\n{readme.END}\n\nAfter.\n")
    assert readme.complaints(path, module) != []

    path.write_text(readme.with_tables(path.read_text(), module))

    assert readme.complaints(path, module) == []
    text = path.read_text()
    assert "| `depth` | `number` | `3` | How deep \\| in metres. |" in text
    assert "| `ships` | `map(object)` | **required** | What comes. And goes. |" in text
    assert "| `uri` | Where it is. |" in text
    assert text.startswith("# Harbor\n")
    assert text.endswith("\nAfter.\n")
