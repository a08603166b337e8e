"""Logs of two trainings that exist: read, aligned, and compared beyond their own noise."""
