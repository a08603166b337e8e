"""How fast tracks train, side by side: as a run does it, in the framework's faster form, and as a learner writes it."""
