"""Faults in the training of small pairs by name, each with the words that must name it."""

from tests.diagnosis.faults.chance import CHANCE
from tests.diagnosis.faults.gradients import GRADIENTS
from tests.diagnosis.faults.losses import LOSSES
from tests.diagnosis.faults.own_steps import OWN_STEPS
from tests.diagnosis.faults.recurrence import RECURRENCE
from tests.diagnosis.faults.updates import UPDATES
from tests.diagnosis.faults.values import VALUES
from tests.diagnosis.faults.weights import WEIGHTS

FAULTS = LOSSES | UPDATES | GRADIENTS | WEIGHTS | CHANCE | VALUES | RECURRENCE | OWN_STEPS
globals().update({name: one.pair for name, one in FAULTS.items()})  # a pair is found by its name in a module
