"""Work and what becomes of it: opened, measured in the background, kept, printed."""
