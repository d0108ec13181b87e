"""From declarations and names to placed tensors: the only code that reads declarations."""
