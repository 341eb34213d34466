"""What a run or a sweep would do, take and need, without doing it."""
