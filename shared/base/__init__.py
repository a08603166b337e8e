"""What every room may use: files written whole, deadlines, packages, records, the table of tolerances."""
