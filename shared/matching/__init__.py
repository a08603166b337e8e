"""Which weight of one model is which weight of another, found from the flow of values; no framework is imported here."""
