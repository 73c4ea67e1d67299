"""Torch modules only: analysis (image -> latents) and synthesis (latents -> image) networks."""
