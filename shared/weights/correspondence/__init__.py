"""Which weight of one model is which of the other, and how: one rule for each canonical weight, and a file of them."""
