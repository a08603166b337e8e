"""Installed packages, found without importing them."""

from pathlib import Path

import numpy as np
import pytest

from twotrack.shared.base.packages import folder_of


def test_the_folder_is_that_of_the_imported_package():
    assert folder_of("numpy") == Path(np.__file__).parent


@pytest.mark.parametrize("name", ["a_package_that_is_not_there", "this"], ids=["absent", "a single file"])
def test_what_has_no_folder_is_none(name: str):
    assert folder_of(name) is None
