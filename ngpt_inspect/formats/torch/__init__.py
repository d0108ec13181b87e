"""Files of torch.save: what is in them and where each tensor lies, found without torch."""
