"""What rounding alone makes of a computation in a lower precision, and in which precision a model computes."""
