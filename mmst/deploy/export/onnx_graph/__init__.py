"""Writes the network of a ticket as an ONNX graph of few nodes."""
