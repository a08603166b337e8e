"""What Keras does by default, by the slug of the ledger's entry: measurements, and functions that switch it on again.

A function of a stage changes what it is given to the default of the installed Keras, and tells whether there was
anything to change. Where the aligned value is Keras' own, there is none.
"""

import keras

from twotrack.shared.ledger.registry import Defaults, Stage

DEFAULTS = Defaults()
LAYERS: Stage[[keras.Model], bool] = DEFAULTS.stage(Stage())
"""Before training, of a model."""
OPTIMIZERS: Stage[[keras.optimizers.Optimizer, keras.Model], bool] = DEFAULTS.stage(Stage())
"""Of an aligned optimizer and the model that it trains."""
