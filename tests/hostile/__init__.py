"""Files that mean harm, and the one way to read them: what every reader here must survive."""
