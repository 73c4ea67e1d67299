"""Other people's software: one adapter file each, imported when it is asked for."""
