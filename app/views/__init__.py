"""What pages ask for, put together: no widgets here."""
