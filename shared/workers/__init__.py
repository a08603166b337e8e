"""Worker processes: each imports one track's framework, or none, and does typed tasks in turn."""
