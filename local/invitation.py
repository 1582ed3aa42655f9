"""What to try once the stack runs: commands that can be copied as they stand."""

import shutil
import sys
from pathlib import Path

from local import home, world


def next_commands(folder: Path, page: str) -> dict[str, str]:
    """Each with what it is for: *page* for a browser, commands for another terminal in the same
    directory.
    """
    own = _this_command()
    if folder != home.DEFAULT:
        own += f" --dir {folder}"
    return {
        page: "transship's page: deploy by form, see what follows its tag, and what does not",
        f'{own} publish --wait \'{{"image": "hello"}}\'': (
            "deploy another image (one that cannot start is broken)"
        ),
        f"{own} services": "what runs, and where",
        f"{own} push {world.IMAGE} --text Moved": "move a tag on Docker Hub",
        f"{own} outcomes --follow": "what came of each message",
        f"{own} limit on": "let Docker Hub answer 429, until `limit off`",
        f'eval "$({own} env)"': "the endpoints, for gcloud pubsub, curl or your own client",
        f"{own} --help": "everything else",
    }


def _this_command() -> str:
    """How the reader would start us again."""
    interpreter = Path(sys.executable)
    if shutil.which("python") == str(interpreter):
        return "python -m local"
    if interpreter.is_relative_to(Path.cwd()):
        return f"{interpreter.relative_to(Path.cwd())} -m local"
    return f"{interpreter} -m local"
