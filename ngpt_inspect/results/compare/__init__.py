"""What runs are compared by: pairs, tuned rates, levels of loss, means over seeds."""
