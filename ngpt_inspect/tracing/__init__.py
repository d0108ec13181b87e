"""Runs a Hugging Face causal model on a prompt and writes what becomes of its hidden states."""

from ngpt_inspect.tracing.writing import trace_model

__all__ = ["trace_model"]
