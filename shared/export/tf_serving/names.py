"""Names of a served model's signatures, inputs and outputs. Those of classify are the server's own."""

from twotrack.shared.export.serving import signature

DEFAULT = "serving_default"
ENCODED = "encoded_image"
WRITTEN = "text"
CLASSIFY = "classify"

IMAGE_BYTES = "image_bytes"
TEXT = signature.TEXT
EXAMPLES = "inputs"

PROBABILITIES = "probabilities"
CLASS_NAME = "class_name"
CLASSES = "classes"
SCORES = "scores"

PREDICT_METHOD = "tensorflow/serving/predict"
CLASSIFY_METHOD = "tensorflow/serving/classify"
