"""Distributed checkpoints of torch: their metadata, and tensors put together from chunks."""
