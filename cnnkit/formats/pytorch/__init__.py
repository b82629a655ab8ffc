"""TorchScript and torch.export archives, checked before PyTorch sees them."""
