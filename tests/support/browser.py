"""The browser that the tests of pages look through: found, installed or asked for, and never missed in silence.

python -m tests.support.browser installs one with apt, if it may; else it says what to install.
"""

import os
import shutil
import subprocess
import sys
from typing import NoReturn

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
NEEDED = f"the tests of pages need a browser; expected one of {', '.join(NAMES)} on PATH, found none"


def program() -> str | None:
    """Return the path of the browser, or None."""
    return next((path for name in NAMES if (path := shutil.which(name))), None)


def fail_or_skip() -> NoReturn:
    """End a test that has no browser: by failing where CI is set, else by skipping with the reason."""
    message = f"{NEEDED}; `make browser` installs one or says how"
    if os.environ.get("CI"):
        pytest.fail(message)
    pytest.skip(message)


def apt_prefix() -> tuple[str, ...] | None:
    """Return what stands before an apt-get that may install: nothing for root, sudo where it asks for no password."""
    if not shutil.which("apt-get"):
        return None
    if os.geteuid() == 0:
        return ()
    sudo = shutil.which("sudo")
    if sudo and subprocess.run([sudo, "-n", "true"], capture_output=True, check=False).returncode == 0:
        return (sudo, "-n")
    return None


def install(prefix: tuple[str, ...]) -> None:
    """Install Chromium with apt, without questions.

    Raises:
        subprocess.CalledProcessError: apt could not.
    """
    apt = (*prefix, "env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-qq")
    subprocess.run([*apt, "update"], check=True)
    subprocess.run([*apt, "install", "--yes", "--no-install-recommends", "chromium"], check=True, stdout=sys.stderr)


def main() -> int:
    """Make sure of a browser; without one, say what to install, which is an error where CI is set."""
    prefix = apt_prefix()
    if program() is None and prefix is not None:
        print("installing chromium with apt-get, for the tests of pages", file=sys.stderr)
        install(prefix)
    if program() is None:
        print(f"{NEEDED}; install Chromium or Chrome, on Debian: sudo apt-get install chromium", file=sys.stderr)
        return 1 if os.environ.get("CI") else 0
    return 0


if __name__ == "__main__":
    sys.exit(main())
