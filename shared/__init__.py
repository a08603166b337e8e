"""What both tracks share: chapters, data, metrics, the track contract, harness, report, command line.

Nothing in this package imports a deep-learning framework at module level.
"""

from importlib.metadata import version

__version__ = version("twotrack")
