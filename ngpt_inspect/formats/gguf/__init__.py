"""Files of llama.cpp: header and tensors."""
