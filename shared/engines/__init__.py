"""Runs on other machines: units of work that Slurm or Ray schedules, and the coordinator that watches over them."""
