"""ONNX: reading any file into a graph."""
