"""The earliest versions of pseudocodec's model photo: files, nothing to import."""
