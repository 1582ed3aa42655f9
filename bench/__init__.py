"""How fast transship is, and what it costs, beside peers in the same run."""
