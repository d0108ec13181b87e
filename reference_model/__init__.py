"""GPT and nGPT as sibling models, their data and their training (arXiv 2410.01131).

This package and ``ngpt_inspect`` meet only in files on disk: it never imports the inspection side.
"""
