"""Tracing: recording a model's calls, and measuring whether padding gets into its answer."""
