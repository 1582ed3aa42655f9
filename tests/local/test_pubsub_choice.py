from pathlib import Path

import pytest

from local.pubsub.emulator import Emulator
from local.pubsub.google_emulator import Absent, GoogleEmulator, choose

JAR = "platform/pubsub-emulator/lib/cloud-pubsub-emulator-{}-all.jar"


def executable(path: Path, script: str = "exit 1") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


@pytest.fixture
def sdk(tmp_path: Path) -> Path:
    """A Cloud SDK whose Java says what it was started with, and ends."""
    root = tmp_path / "sdk"
    for version in ("0.8.9", "0.8.20"):
        jar = root / JAR.format(version)
        jar.parent.mkdir(parents=True, exist_ok=True)
        jar.touch()
    executable(root / "bin" / "gcloud")
    executable(tmp_path / "bin" / "java", 'echo "$@"; exit 1')
    return root


def test_the_sdk_around_gcloud_is_found_and_its_newest_jar_taken(sdk: Path, tmp_path: Path) -> None:
    (tmp_path / "bin" / "gcloud").symlink_to(sdk / "bin" / "gcloud")
    emulator = choose(env={"PATH": f"{tmp_path}/bin:/bin"})
    assert isinstance(emulator, GoogleEmulator)
    with pytest.raises(Absent, match=r"emulator-0\.8\.20-all\.jar --host=127\.0\.0\.1 --port="):
        emulator.start()


def test_the_sdk_of_the_environment_is_found(sdk: Path, tmp_path: Path) -> None:
    env = {"CLOUDSDK_ROOT": str(sdk), "PATH": f"{tmp_path}/bin"}
    assert isinstance(choose(env=env), GoogleEmulator)


def test_without_java_it_is_ours(sdk: Path) -> None:
    env = {"CLOUDSDK_ROOT": str(sdk), "PATH": ""}
    with pytest.raises(Absent, match="java"):
        choose("google", env=env)
    chosen = choose(env=env)
    assert isinstance(chosen, Emulator)


def test_ours_can_be_had_where_googles_is_installed(sdk: Path, tmp_path: Path) -> None:
    env = {"CLOUDSDK_ROOT": str(sdk), "PATH": f"{tmp_path}/bin"}
    assert isinstance(choose("ours", env=env), Emulator)
    assert isinstance(choose(env={**env, "LOCAL_PUBSUB": "ours"}), Emulator)


def test_a_choice_that_is_none_is_refused() -> None:
    with pytest.raises(ValueError, match="LOCAL_PUBSUB must be 'google' or 'ours', not 'both'"):
        choose(env={"LOCAL_PUBSUB": "both"})
