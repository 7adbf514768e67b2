"""Turns content/ into notebooks and pages: read - translate - build - execute - check.

Data flows one way, and a module imports only what stands left of it:
layout - course - cells - exercise - source - blocks - catalog - words - fingerprint - contents -
lists - notebook - pages - readme - execute - build - solutions - korean - check - new - __main__.
"""
