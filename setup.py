"""The folders of the repository under the one name that is installed; everything else is in pyproject.toml.

Only here can the packages below a mapped folder be found instead of listed.
"""

from setuptools import find_packages, setup

FOLDERS = ("shared", "keras_track", "torch_track")

setup(
    packages=["twotrack"]
    + [f"twotrack.{folder}" for folder in FOLDERS]
    + [f"twotrack.{folder}.{package}" for folder in FOLDERS for package in find_packages(folder)],
    package_dir={"twotrack": "twotrack"} | {f"twotrack.{folder}": folder for folder in FOLDERS},
)
