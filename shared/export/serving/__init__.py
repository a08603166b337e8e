"""Exported models on a TensorFlow Serving server: started with `twotrack serve`, asked with `twotrack request`.

Everything but gRPC works without TensorFlow; gRPC takes its messages from tensorflow-serving-api.
"""

GRPC_PORT, REST_PORT = 8500, 8501
"""The server's ports unless it is told otherwise."""
