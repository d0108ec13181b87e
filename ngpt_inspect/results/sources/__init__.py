"""From run folders and CSV files to the rows of a table."""
