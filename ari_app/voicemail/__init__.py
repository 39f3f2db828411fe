"""Messages left in Asterisk's own voicemail: found, kept, played, marked heard, written down."""
