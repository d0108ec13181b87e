"""Training: the loop, its steps, optimisers, ranks and placements, and what it writes."""
