"""The models and measurements of the playground, from runs: `make playground`, or python -m docs.playground."""
