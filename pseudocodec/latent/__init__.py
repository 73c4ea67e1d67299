"""Latent codes: latents -> integer symbols -> bits, and back."""
