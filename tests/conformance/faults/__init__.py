"""Pairs with planted faults, made with drawn parameters: each says what is wrong, where, and what proves it."""
