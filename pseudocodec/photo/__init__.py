"""Pictures of any size through a photo model: tiles, payloads, rate control."""
