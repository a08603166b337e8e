"""The chapters in PyTorch."""
