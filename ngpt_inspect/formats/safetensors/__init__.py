"""The header of safetensors files."""
