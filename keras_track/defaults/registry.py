"""What Keras does by default, by the slug of the ledger's entry: measurements, and functions that switch it on again.

A function of a stage changes what it is given to the default of the installed Keras, and tells whether there was
anything to change. Where the aligned value is Keras' own, there is none.
"""

import keras

from twotrack.shared.ledger.registry import FrameworkDefaults, SwitchPoint

DEFAULTS = FrameworkDefaults()
LAYERS: SwitchPoint[[keras.Model], bool] = DEFAULTS.switch_point(SwitchPoint())
"""Before training, of a model."""
OPTIMIZERS: SwitchPoint[[keras.optimizers.Optimizer, keras.Model], bool] = DEFAULTS.switch_point(SwitchPoint())
"""Of an aligned optimizer and the model that it trains."""
