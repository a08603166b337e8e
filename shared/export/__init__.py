"""A run's model as a file of another runtime: written, reloaded there, compared, and only then given its name."""
