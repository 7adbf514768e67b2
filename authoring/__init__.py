"""Turns content/ into notebooks: read - translate - build - execute - check.

Data flows one way, and a module imports only what stands left of it:
layout - source - blocks - catalog - notebook - execute - build - korean - check - __main__.
"""
