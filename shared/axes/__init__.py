"""Which axis of a value counts what, found by calling again what made it: `follow` for one call of a framework."""
