"""Plots with matplotlib: masks, hidden states, padding growth, attention; and their Hangul font."""
