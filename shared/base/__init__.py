"""What every room may use: files written whole, deadlines, packages of the distribution, the table of tolerances."""
