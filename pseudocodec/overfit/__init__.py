"""Photographs without trained nets: tiny nets and latents fitted to the one picture, both sent."""
