"""What keras_hub has for the networks here, imported without TensorFlow where that is not the backend.

keras_hub would import TensorFlow wherever it is installed, which takes four seconds and half a gigabyte, for what
prepares texts and pictures in its own way; the networks need none of it.
"""

import keras

from twotrack.shared.workers import imports

_OTHERS = () if keras.backend.backend() == "tensorflow" else ("tensorflow", "tensorflow_text")

with imports.without([*imports.OPTIONAL, *_OTHERS]):
    from keras_hub.layers import TransformerEncoder
    from keras_hub.models import BertBackbone, ResNetBackbone, ViTBackbone

__all__ = ["BertBackbone", "ResNetBackbone", "TransformerEncoder", "ViTBackbone"]
