"""What every page stands in: the session, the left column, choices, links and words."""
