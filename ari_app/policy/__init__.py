"""Pure decisions: is the clinic open, does this caller get a text, which words, what did the reply mean."""
