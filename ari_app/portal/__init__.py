"""What staff see: web pages, XML of desk phones, a JSON API, live updates."""
