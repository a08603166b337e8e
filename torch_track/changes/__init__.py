"""Changes of a torch model in memory, by which the cause of a difference is proved."""
