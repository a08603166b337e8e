"""Exports for TensorFlow Serving: a version of a model in a folder of models, checked before it gets its number."""
