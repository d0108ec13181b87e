"""What a table of training results is: columns, their kinds, CSV files of them."""
