"""Finding a backdoor's trigger: a rare sequence of words that decides the response."""
