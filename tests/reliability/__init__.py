"""A hostile day, on purpose: commands are killed, files are damaged, disks are full, and the power goes.

`make campaign` runs all of it and prints what was tried, refused clearly, and wrong; tests/reliability/test_short.py a
little of it.
"""
