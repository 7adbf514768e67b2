"""Turns content/ into notebooks: read - translate - build - execute - check.

Data flows one way, and a module imports only what stands left of it:
layout - cells - exercise - source - blocks - catalog - notebook - execute - build - solutions -
korean - check - __main__.
"""
