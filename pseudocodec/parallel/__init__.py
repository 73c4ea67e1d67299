"""Work spread over processes, whose results do not show how many there were."""
