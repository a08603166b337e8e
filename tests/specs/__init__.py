"""Every training spec over 2,000 steps, on every track, beside the same written out in NumPy."""
