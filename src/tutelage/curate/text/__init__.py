"""Telling forms of text apart: prose, code, verse; runs that repeat; blocks of Markdown."""
