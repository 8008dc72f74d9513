"""The core IR: attributes, types, dimensions, operations, and the tools that build, rewrite and verify them.

This package imports nothing else of the project.
"""
