"""Functions do not have rich, which the command line needs and structlog loads where it can."""

raise ImportError("functions do not have rich")
