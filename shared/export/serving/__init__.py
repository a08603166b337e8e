"""Exported models on a TensorFlow Serving server: started with `twotrack serve`, asked with `twotrack request`.

Everything but gRPC works without TensorFlow; gRPC takes its messages from tensorflow-serving-api.
"""

GRPC_PORT, REST_PORT = 8500, 8501
"""The server's ports unless it is told otherwise."""
TAG = "2.21.0"
"""The server's image: the version of the TensorFlow that writes exports, so that it has every operation they use."""
OLDEST_TAG = "2.19.1"
"""The oldest version whose runtime was asked, and answered: the table of docs/reference/export.md."""
