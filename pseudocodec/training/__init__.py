"""Losses, data, loops: training of the shipped models and of users' own."""
