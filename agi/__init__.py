"""FastAGI server: what a dialplan may ask."""
