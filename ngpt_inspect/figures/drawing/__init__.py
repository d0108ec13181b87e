"""What several figures draw: curves over a rank or through layers, cells, lines of results."""
