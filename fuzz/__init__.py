"""Fuzzing of everything that reads bytes: see README.md."""
