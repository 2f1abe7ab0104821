"""One page per file; each is run by the explorer from top to bottom."""
