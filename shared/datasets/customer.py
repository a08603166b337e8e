"""One customer of the data set telco: every column and what it may hold, stated once; and the features from it."""

from collections.abc import Sequence
from typing import Annotated, Literal

import numpy as np
from pydantic import BaseModel, Field, ValidationInfo, field_validator

from twotrack.shared.datasets.csv_rows import categories
from twotrack.shared.datasets.tabular import one_hot

LARGEST = 1e9
"""A larger number is a mistake in the file."""

Flag = Annotated[int, Field(ge=0, le=1, description="0 or 1")]
Months = Annotated[int, Field(ge=0, le=LARGEST, description=f"whole months from 0 to {LARGEST:,.0f}")]
Amount = Annotated[float, Field(ge=0, le=LARGEST, description=f"a number from 0 to {LARGEST:,.0f}")]
AmountSoFar = Annotated[
    Amount, Field(description=f"a number from 0 to {LARGEST:,.0f}, or NA or nothing where tenure is 0")
]
WithInternet = Literal["No", "Yes", "No internet service"]


class KnownCustomer(BaseModel):
    """What is known of a customer, in the order of the features: numbers, then flags, then categories."""

    tenure: Months
    monthly_charges: Amount
    total_charges: AmountSoFar
    female: Flag
    senior_citizen: Flag
    partner: Flag
    dependents: Flag
    phone_service: Flag
    paperless_billing: Flag
    multiple_lines: Literal["No", "Yes", "No phone service"]
    internet_service: Literal["No", "DSL", "Fiber optic"]
    online_security: WithInternet
    online_backup: WithInternet
    device_protection: WithInternet
    tech_support: WithInternet
    streaming_tv: WithInternet
    streaming_movies: WithInternet
    contract: Literal["Month-to-month", "One year", "Two year"]
    payment_method: Literal["Electronic check", "Mailed check", "Bank transfer (automatic)", "Credit card (automatic)"]

    @field_validator("total_charges", mode="before")
    @classmethod
    def _nothing_charged_yet(cls, value: str, info: ValidationInfo) -> str:
        missing = value.strip() in {"", "NA"}
        return "0" if missing and info.data.get("tenure") == 0 else value


WHOLE_NUMBERS = tuple(name for name, field in KnownCustomer.model_fields.items() if field.annotation is int)
"""Columns that hold them."""


class Customer(KnownCustomer):
    """A row of the table, with the label."""

    churn: Literal["No", "Yes"]


def features(customers: Sequence[KnownCustomer]) -> tuple[tuple[str, ...], np.ndarray]:
    """Return the names of the features and their values (examples, features 40) float64."""
    names, blocks = [], []
    for column in KnownCustomer.model_fields:
        values, known = [getattr(customer, column) for customer in customers], categories(KnownCustomer, column)
        names += [f"{column}={category}" for category in known] or [column]
        blocks.append(one_hot(values, known) if known else np.array(values, np.float64)[:, np.newaxis])
    return tuple(names), np.hstack(blocks)
