"""python -m docs.playground makes docs/playground/files anew from runs and a race; `make playground`.

Runs that lie in build/pictures are taken, others are trained. --only models or --only race does a part.
"""

import argparse

from docs.playground import models, race


def main() -> None:
    """Make what is asked for."""
    parts = {"models": models.make, "race": race.make}
    parser = argparse.ArgumentParser(prog="python -m docs.playground")
    parser.add_argument("--only", choices=parts)
    only = parser.parse_args().only
    for name, make in parts.items():
        if only in (None, name):
            print(name, flush=True)
            make()


if __name__ == "__main__":
    main()
