"""Worker task: show one side with a fault planted in this process."""

from collections.abc import Mapping
from contextlib import nullcontext
from typing import Any

from tests.mutation.faults import FAULTS
from twotrack.shared.verify.observe import observation
from twotrack.shared.verify.request import SideRequest


def observe(arguments: Mapping[str, Any], report: Any) -> dict[str, Any]:
    request, fault = SideRequest.model_validate(arguments["request"]), arguments["fault"]
    with FAULTS[fault].plant() if fault else nullcontext():
        return observation(request, report).model_dump(mode="json")
