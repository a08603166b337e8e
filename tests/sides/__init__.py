"""Any two sides: of one framework, on two backends, with weights and inputs of the user's own."""
