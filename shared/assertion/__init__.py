"""That two models are one, as a test asserts it: what it is given, how that is climbed with, what it says."""
