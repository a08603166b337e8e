"""The weight bridge: rules, in pure NumPy, by which weights travel between the tracks."""


class BridgeError(ValueError):
    """A weight has no counterpart, is left over, or has another shape than its counterpart."""
