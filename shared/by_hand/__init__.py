"""The chapters' equations in NumPy: what the frameworks' automatic differentiation computes, by hand."""
