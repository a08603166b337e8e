"""Which weight of one model is which of another, found from the flow of values; no framework is imported here."""
