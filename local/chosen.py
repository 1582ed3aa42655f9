"""The settings of the functions that whoever starts a stack may choose, by production's names.

The others say where the parts of this stack are, and are the stack's own: a shell that is set up
for a real project starts the same stack as any other.
"""

from collections.abc import Mapping

from local import world

PAUSED = "TRANSSHIP_PAUSED"
POLICY = "TRANSSHIP_POLICY"
_DEFAULTS = {
    POLICY: world.POLICY,
    PAUSED: "false",
    "TRANSSHIP_DEPLOYS_PER_HOUR": "",
    "TRANSSHIP_KEEP_WARM": "",
    "TRANSSHIP_MAX_IMAGE_BYTES": "",
    "TRANSSHIP_QUOTA_FLOOR": "",
    "TRANSSHIP_UPSTREAM_RATE": "",
}


def chosen(env: Mapping[str, str]) -> dict[str, str]:
    """
    >>> chosen({"TRANSSHIP_POLICY": "{}", "TRANSSHIP_PAUSED": "", "TRANSSHIP_PROJECT": "mine"})
    {'TRANSSHIP_POLICY': '{}'}
    """
    return {
        name: env[name]
        for name, default in _DEFAULTS.items()
        if env.get(name, "") not in ("", default)
    }
