"""Jobs, worker processes, run folders, timing and memory. The parent process imports no framework."""
