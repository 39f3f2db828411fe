"""asterisk-textback: texts back the callers a clinic's Asterisk could not answer."""
