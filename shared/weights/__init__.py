"""Weights in canonical form: the bridge between the frameworks' layouts, initial values, pretrained ones."""
