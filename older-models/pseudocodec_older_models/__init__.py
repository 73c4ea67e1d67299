"""Earlier versions of pseudocodec's models: files, nothing to import."""
