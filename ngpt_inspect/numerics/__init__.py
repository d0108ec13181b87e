"""Kernels on plain torch tensors: tensors in, tensors or plain numbers out.

Nothing here knows of checkpoints, names, tables or files, and importing a module
of this package never imports torch.
"""
