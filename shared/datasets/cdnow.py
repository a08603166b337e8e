"""CDNOW: purchases of 23,570 real customers, twelve months of each. Data card: docs/datasets/cdnow.md.

Whose last six months are the label has the year before them as series. The file is not carried here: its terms are
not stated, so it is read from the package Lifetimes, which is found but never imported.
"""

import io
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import numpy as np

from twotrack.shared.datasets.files import DataFile, Source
from twotrack.shared.datasets.monthly import MONTHS, prefix_mask
from twotrack.shared.errors import UserError

NAME = "cdnow"
ORIGIN = "CDNOW purchases, January 1997 to June 1998 (Fader and Hardie), from the Python package Lifetimes"
LICENCE = "package MIT; the data's own terms are not stated"
CLASS_NAMES = ("buys", "lapses")
FEATURES = ("purchases", "cds", "dollars", "months_since_first", "months_since_last")
PACKAGE, MEMBER = "Lifetimes", "lifetimes/datasets/CDNOW_master.txt"
INSTALL = "install it with pip install 'twotrack[cdnow]'"
SHA256 = "eff6889ed364c5199d6eacbbeb7a6d559971df4406ac876f322c373f00a072ef"
FIRST_YEAR = 1997
EXAMPLES_CAN_BE_TYPED = False


def source() -> Source:
    """Return the purchases as a source; UserError if the package that holds them is not installed."""
    try:
        path = Path(str(distribution(PACKAGE).locate_file(MEMBER)))
    except PackageNotFoundError as error:
        raise UserError(f"--source {NAME}: the purchases come with the package {PACKAGE}; {INSTALL}.") from error
    return Source(NAME, DataFile(path, SHA256, INSTALL))


def read_months(source: Source) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return months (customers, month 12, feature 5), mask (customers, month 12) and labels (customers,) int32.

    A customer's months run from that of the first purchase to December 1997, oldest first. The label is 1 for who
    buys nothing from January to June 1998. Customers stand in the order of their numbers.
    """
    table = np.loadtxt(io.StringIO(source.file.text()), skiprows=1)
    _, customers = np.unique(table[:, 0], return_inverse=True)
    dates = table[:, 1].astype(np.int64)
    months = (dates // 10000 - FIRST_YEAR) * 12 + dates // 100 % 100 - 1
    bought = _totals(customers, months, table[:, 2:])
    return *_series(bought[:, :MONTHS]), (bought[:, MONTHS:, 0] == 0).all(axis=1).astype(np.int32)


def _totals(customers: np.ndarray, months: np.ndarray, amounts: np.ndarray) -> np.ndarray:
    """Return (customers, calendar month, 3): purchases, CDs and dollars of each month since January 1997."""
    totals = np.zeros((customers.max() + 1, months.max() + 1, 3))
    np.add.at(totals, (customers, months), np.column_stack([np.ones(len(amounts)), amounts]))
    return totals


def _series(bought: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return months and mask from (customers, calendar month 12, 3): what was bought, and how long ago."""
    calendar = np.arange(MONTHS)
    active = bought[..., 0] > 0
    first = active.argmax(axis=1)[:, np.newaxis]
    last = np.maximum.accumulate(np.where(active, calendar, -1), axis=1)
    features = np.dstack([bought, calendar - first, calendar - last])
    mask = prefix_mask(MONTHS - first[:, 0])
    of_month = np.minimum(first + calendar, MONTHS - 1)
    months = np.take_along_axis(features, of_month[..., np.newaxis], axis=1)
    return np.where(mask[..., np.newaxis], months, 0.0), mask
