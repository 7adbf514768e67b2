"""Tracing: what is seen of a model's calls, and whether padding gets into its answer."""
