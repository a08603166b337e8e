"""The ledger of differences: defaults and conventions on which Keras and PyTorch disagree."""
