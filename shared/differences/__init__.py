"""What the installed frameworks do where the ledger says that they differ, and which chapters that touches."""
