"""Every tolerance of the parity tests, absolute and in float32 unless stated, and what was measured on 2 CPU cores."""

FORWARD = 5e-6
"""Logits (up to 1.8), between tracks on 64 images and against the float64 reference. Measured: 5.4e-7."""

FIRST_LOSS = 2e-6
"""Loss before the first update (2.5 and 3.0) against the float64 reference. Measured: 1.8e-7."""

LOSSES_OF_SIX_STEPS = 2e-5
"""Between tracks, Adam on a one-cycle schedule. Measured: 3.6e-6.

It grows with the steps, mostly because Keras raises beta_2 to the step in float32 and torch in float64.
"""

STEP = {"flatten": 1e-4, "bn_gap": 2e-3}
"""Weights after one step, between tracks, as a share of the learning rate. Measured: 6e-6 and 2.4e-4.

The larger one is of the convolutions' biases, whose gradient before a batch norm is zero but for rounding.
"""

MOVING_STATISTICS = 5e-6
"""Moving mean and variance after one step against the float64 reference. Measured: 4.7e-7."""

GRADIENT = 2e-8
"""In float64 against central differences of the float64 reference (up to 0.9). Measured: 3.8e-9, which is the rounding
of the reference's loss over its step."""

ADAM_FLOAT64 = 1e-12
"""torch's Adam, aligned, against the equations, after 20 steps in float64."""
