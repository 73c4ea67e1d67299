"""What the commands of `pseudocodec` do; their options are declared in `pseudocodec.cli`."""
