"""Runs, their stages, and what is current."""
