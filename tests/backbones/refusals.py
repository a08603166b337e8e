"""What a user reads when weights are refused."""

from pathlib import Path

import pytest

from twotrack.shared.errors import UserError
from twotrack.shared.weights.pretrained.backbones import open_backbone


def refusal(weights: Path | str, backbone: str = "resnet18") -> str:
    """Return the message, which is one line."""
    with pytest.raises(UserError) as caught:
        open_backbone(backbone, str(weights))
    assert "\n" not in str(caught.value)
    return str(caught.value)
