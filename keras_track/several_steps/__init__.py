"""Several training steps in one dispatch: what Keras does in Python around a step is done once for all of them."""
