"""Optimising what goes into a net: latents that the generator turns into a given picture."""
