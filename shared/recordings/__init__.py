"""Recordings: folders that hold what one side of a pair computed, for comparison elsewhere."""
