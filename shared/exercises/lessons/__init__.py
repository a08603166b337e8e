"""The exercises of every lesson, a file each."""
