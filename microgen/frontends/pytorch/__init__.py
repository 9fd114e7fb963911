"""PyTorch: programs that torch.export wrote (.pt2), and nn.Module objects."""
