"""The atlas: published architectures in Keras and in transformers, what makes them differ, and what aligns them."""
