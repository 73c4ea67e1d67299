"""Fitting nets and latents to one picture: gradients, schedules, precision, targets."""
