"""What torch does by default, by the slug of the ledger's entry: measurements, and functions that switch it on again.

A function of a stage changes what it is given to the default of the installed torch, and tells whether there was
anything to change, or returns what it was given if there was not. Where the aligned value is torch's own, there is
none.
"""

import torch
from torch import nn

from twotrack.shared.ledger.registry import FrameworkDefaults, SwitchPoint
from twotrack.shared.spec.optimizers import Optimizer

DEFAULTS = FrameworkDefaults()
LAYERS: SwitchPoint[[nn.Module], bool] = DEFAULTS.switch_point(SwitchPoint())
"""Before training, of a module."""
SPECS: SwitchPoint[[Optimizer], Optimizer] = DEFAULTS.switch_point(SwitchPoint())
"""Of an optimizer as data."""
OPTIMIZERS: SwitchPoint[[torch.optim.Optimizer], torch.optim.Optimizer] = DEFAULTS.switch_point(SwitchPoint())
"""Of an aligned optimizer that has not yet its learning rates."""
HOOKS: SwitchPoint[[torch.optim.Optimizer, Optimizer], bool] = DEFAULTS.switch_point(SwitchPoint())
"""Of an optimizer and its data; what they add to a step comes last."""
