"""The pictures of the chapters, drawn from measurements: `make pictures`, or python -m docs.pictures NAME."""
