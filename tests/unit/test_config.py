"""The settings: each is read, or refused by its name and with what would be right."""

import pytest

from transship.config import REQUIRED, Config, InvalidConfiguration

LEAST = {
    "TRANSSHIP_PROJECT": "sample-project",
    "TRANSSHIP_REGION": "asia-northeast1",
    "TRANSSHIP_MIRRORS": "docker.io=asia-northeast1-docker.pkg.dev/sample-project/docker",
}
DEPLOYER = {
    **LEAST,
    "FUNCTION_TARGET": "deploy_image",
    "TRANSSHIP_OUTCOMES_TOPIC": "projects/sample-project/topics/transship-outcomes",
    "TRANSSHIP_RUNTIME_ACCOUNT": "runtime@sample-project.iam.gserviceaccount.com",
}


def refusal(**env: str) -> str:
    with pytest.raises(InvalidConfiguration) as refused:
        Config.from_env({**DEPLOYER, **env})
    return str(refused.value)


def test_the_least_that_a_deployer_needs_is_enough() -> None:
    config = Config.from_env(DEPLOYER)

    assert config.project == "sample-project"
    assert str(config.platform) == "linux/amd64"
    assert config.deadline == 480
    assert config.upstream_credentials == {}
    assert config.local.hosts == {}
    assert not config.policy.public


@pytest.mark.parametrize("name", sorted(set(DEPLOYER) - {"FUNCTION_TARGET"}))
@pytest.mark.parametrize("empty", [False, True])
def test_a_missing_variable_is_named(name: str, *, empty: bool) -> None:
    env = {key: value for key, value in DEPLOYER.items() if key != name}
    if empty:
        env[name] = ""

    with pytest.raises(InvalidConfiguration, match=f"^{name} is not set$"):
        Config.from_env(env)


@pytest.mark.parametrize("target", sorted(REQUIRED))
def test_every_function_says_what_it_cannot_do_without(target: str) -> None:
    with pytest.raises(InvalidConfiguration, match="is not set"):
        Config.from_env({**LEAST, "FUNCTION_TARGET": target})


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("PROJECT", "Sample", "right is a project's id"),
        ("REGION", "tokyo", "right is for example asia-northeast1"),
        ("MIRRORS", "docker.io", "TRANSSHIP_MIRRORS"),
        ("POLICY", "{", "TRANSSHIP_POLICY"),
        ("POLICY", '{"image": []}', "image"),
        ("RUNTIME_ACCOUNT", "me", "right is a service account's e-mail address"),
        ("OUTCOMES_TOPIC", "outcomes", "right is projects/PROJECT/topics/TOPIC"),
        ("PLATFORM", "linux", "TRANSSHIP_PLATFORM"),
        ("MAX_IMAGE_BYTES", "1G", "right is a whole number above 0"),
        ("MAX_IMAGE_BYTES", "0", "right is a whole number above 0"),
        ("DEADLINE_SECONDS", "-1", "right is a whole number above 0"),
        ("DEADLINE_SECONDS", "nan", "right is a whole number above 0"),
        ("UPSTREAM_CREDENTIALS", "[]", 'right is {"docker.io":'),
        ("LOCAL_HOSTS", "docker.io", "right is HOST=URL"),
        ("KEEP_WARM", f"nginx@sha256:{'0' * 64}", "right is a tag"),
        ("PAUSED", "yes", "right is true or false"),
        ("QUOTA_FLOOR", "-1", "right is a whole number"),
        ("UPSTREAM_RATE", "fast", "0 for no limit"),
    ],
)
def test_a_wrong_variable_is_named_with_what_is_right(name: str, value: str, says: str) -> None:
    told = refusal(**{f"TRANSSHIP_{name}": value})

    assert told.startswith(f"TRANSSHIP_{name}: ")
    assert says in told


@pytest.mark.parametrize(
    ("name", "secret"),
    [
        ("TRANSSHIP_UPSTREAM_CREDENTIALS", '{"docker.io": "dckr_pat_secret"}'),
        ("TRANSSHIP_WEBHOOK_SECRETS", "short-secret!"),
    ],
)
def test_a_secret_that_is_wrong_is_not_told(name: str, secret: str) -> None:
    with pytest.raises(InvalidConfiguration) as refused:
        Config.from_env({**DEPLOYER, name: secret})

    assert "secret!" not in str(refused.value)
    assert "dckr_pat" not in str(refused.value)
    assert refused.value.__cause__ is None or refused.value.__cause__.__cause__ is None


def test_credentials_are_by_registry() -> None:
    entry = '{"docker.io": {"username": "me", "password": "dckr_pat_x"}}'
    config = Config.from_env({**DEPLOYER, "TRANSSHIP_UPSTREAM_CREDENTIALS": entry})

    assert config.upstream_credentials == {"docker.io": ("me", "dckr_pat_x")}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("TRANSSHIP_LOCAL_HOSTS", "docker.io=http://127.0.0.1:1"),
        ("TRANSSHIP_LOCAL_RUN", "127.0.0.1:1"),
        ("TRANSSHIP_LOCAL_ACCOUNT", "me@example.com"),
        ("PUBSUB_EMULATOR_HOST", "127.0.0.1:1"),
    ],
)
def test_settings_of_the_local_stack_are_refused_on_cloud_run(name: str, value: str) -> None:
    told = refusal(K_SERVICE="deploy-image", **{name: value})

    assert told == f"{name}: settings of the local stack are refused on Cloud Run"


def test_the_local_stack_is_a_few_settings_and_nothing_else() -> None:
    config = Config.from_env(
        {
            **DEPLOYER,
            "TRANSSHIP_LOCAL_HOSTS": "a.example=http://127.0.0.1:1, b.example=http://127.0.0.1:2",
            "TRANSSHIP_LOCAL_RUN": "127.0.0.1:3",
        }
    )

    assert config.local.hosts == {
        "a.example": "http://127.0.0.1:1",
        "b.example": "http://127.0.0.1:2",
    }
    assert config.local.run == "127.0.0.1:3"
