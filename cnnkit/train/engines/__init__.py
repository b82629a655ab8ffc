"""What makes the steps of a training: the native engine, PyTorch, or several PyTorch processes."""
