"""Tensors that several processes have saved in pieces."""
