"""ONNX files, read without the onnx package and written with it."""
