"""Nothing here is collected: what needs a cloud is run by its own command."""

collect_ignore_glob = ["*.py"]
