"""Exported models as a server has them: loaded, checked and asked without a framework in Python."""
