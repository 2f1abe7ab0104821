"""How work survives a night: the plan of a run, its parts, its state files."""
