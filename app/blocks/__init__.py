"""Pieces of pages: each draws one thing."""
