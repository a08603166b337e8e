"""The last twelve months of Telco customers, reconstructed from the one row that the data set holds of each.

The rules, why each, and what they cannot tell: docs/datasets/telco_monthly.md. The label takes no part in them.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from twotrack.shared.datasets.customer import Customer

MONTHS = 12
FEATURES = ("tenure", "monthly_charge", "cumulative_charge", "services", "contract_months_left")
TERM = {"Month-to-month": 1, "One year": 12, "Two year": 24}
"""Months that a contract runs before it is renewed."""
FURTHER_SERVICES = (
    "multiple_lines",
    "online_security",
    "online_backup",
    "device_protection",
    "tech_support",
    "streaming_tv",
    "streaming_movies",
)


def reconstruct(customers: Sequence["Customer"]) -> tuple[np.ndarray, np.ndarray]:
    """Return months (customers, month 12, feature 5) float64 and mask (customers, month 12), true for real months.

    Real months come first, the oldest of them at the front, the customer's row itself last; zeros fill up to twelve.
    """
    tenure = np.array([[customer.tenure] for customer in customers])
    # Who has just arrived has a row too: the month in which nothing is charged yet.
    lengths = np.clip(tenure[:, 0], 1, MONTHS)
    mask = prefix_mask(lengths)
    ago = np.where(mask, lengths[:, np.newaxis] - 1 - np.arange(MONTHS), 0)
    charge, cumulative = _charges(customers, tenure, ago)
    services = np.array([[count_services(customer)] for customer in customers])
    term = np.array([[TERM[customer.contract]] for customer in customers])
    left = term - (tenure - ago) % term
    months = np.stack(np.broadcast_arrays(tenure - ago, charge, cumulative, services, left), axis=-1)
    return np.where(mask[..., np.newaxis], months, 0.0), mask


def prefix_mask(lengths: np.ndarray) -> np.ndarray:
    """Return (customers, month 12), true for the first `lengths` (customers,) months of each."""
    return np.arange(MONTHS) < lengths[:, np.newaxis]


def count_services(customer: "Customer") -> int:
    """Return how many of the nine services the customer has: telephone, internet and seven further ones."""
    further = sum(getattr(customer, name) == "Yes" for name in FURTHER_SERVICES)
    return customer.phone_service + (customer.internet_service != "No") + further


def _charges(customers: Sequence["Customer"], tenure: np.ndarray, ago: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the charge of the month that lies `ago` (customers, month 12) months back, and all charges up to it.

    The price rose by the same amount each month since the first: that amount follows from the sum of all charges.
    """
    price = np.array([[customer.monthly_charges] for customer in customers])
    total = np.array([[customer.total_charges] for customer in customers])
    pairs = tenure * (tenure - 1) / 2
    rise = np.where(pairs > 0, (price * tenure - total) / np.maximum(pairs, 1), 0.0)
    return price - rise * ago, total - price * ago + rise * ago * (ago - 1) / 2
