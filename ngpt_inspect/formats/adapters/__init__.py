"""Adapters: small factors beside the weights of a model that is kept elsewhere."""
