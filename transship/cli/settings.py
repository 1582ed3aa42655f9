"""Where a command finds transship: flags first, then variables, then a file.

The file, ~/.config/transship.toml or what TRANSSHIP_CONFIG names, has the variables' names in
lower case and without TRANSSHIP_: `project = "sample-project"`. So a function, the local stack and
a terminal are all told in the same words.
"""

import difflib
import tomllib
from collections.abc import Mapping
from pathlib import Path

from transship.config import Config
from transship.variables import InvalidConfiguration

# What a terminal has a use for; secrets do not belong into this file.
KEYS = ("project", "region", "mirrors", "policy", "progress_topic", "registry_hosts")

_NO_PLACE = (
    "no {name} is set: give --{name}, set TRANSSHIP_{upper}, or write `{name} = …` into {file};"
    ' for the local stack: eval "$(python -m local env)"'
)


def config_of(env: Mapping[str, str], *, project: str = "", region: str = "") -> Config:
    """*project* and *region* stand in where neither a variable nor the file names transship's own.

    Raises InvalidConfiguration, which names the setting and says how to give it.
    """
    file = _file(env)
    settings = {**_read(file), **env}
    for name, given in (("project", project), ("region", region)):
        variable = f"TRANSSHIP_{name.upper()}"
        if not settings.setdefault(variable, given):
            raise InvalidConfiguration(
                _NO_PLACE.format(name=name, upper=name.upper(), file=_short(file, env))
            )
    # As infra/ names it by default.
    settings.setdefault(
        "TRANSSHIP_MIRRORS",
        f"docker.io={settings['TRANSSHIP_REGION']}-docker.pkg.dev"
        f"/{settings['TRANSSHIP_PROJECT'].replace(':', '/')}/docker",
    )
    return Config.from_env(settings)


def _file(env: Mapping[str, str]) -> Path:
    if named := env.get("TRANSSHIP_CONFIG"):
        return Path(named)
    # https://specifications.freedesktop.org/basedir-spec/latest/
    home = env.get("XDG_CONFIG_HOME") or f"{env.get('HOME', '')}/.config"
    return Path(home) / "transship.toml"


def _read(file: Path) -> dict[str, str]:
    try:
        said = tomllib.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InvalidConfiguration(f"{file}: {error}") from error
    for key, value in said.items():
        if key not in KEYS:
            near = difflib.get_close_matches(key, KEYS, n=1)
            meant = f"did you mean `{near[0]}`?" if near else f"right is one of {', '.join(KEYS)}"
            raise InvalidConfiguration(f"{file}: `{key}` is no setting; {meant}")
        if not isinstance(value, str):
            raise InvalidConfiguration(f'{file}: `{key}` is no text; right is {key} = "…"')
    return {f"TRANSSHIP_{key.upper()}": value for key, value in said.items()}


def _short(file: Path, env: Mapping[str, str]) -> str:
    home = env.get("HOME", "")
    return f"~{str(file).removeprefix(home)}" if home and str(file).startswith(home) else str(file)
